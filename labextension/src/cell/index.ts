import { RunView } from '../view/run_view';
import { CommSource, IModel, LOST } from './comm_source';

/** The event that asks whoever runs the notebook to put a text into a new cell; whoever does it prevents the default. */
const INSERT_CELL = 'amltrain:insert-cell';

/** The widget of a run, as anywidget wants it (loaded by `loader.ts`). */
export function render({ model, el }: { model: IModel; el: HTMLElement }): () => void {
  const source = new CommSource(model);
  const view = new RunView(source, {
    insertCell: text => !el.dispatchEvent(new CustomEvent(INSERT_CELL, { bubbles: true, cancelable: true, detail: { text } }))
  });
  view.node.addEventListener(LOST, source.lose);
  el.append(view.node);
  return () => view.dispose();
}
