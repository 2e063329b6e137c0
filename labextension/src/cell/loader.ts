/*
 * anywidget sends a widget's module with every widget. This is what it sends: it asks the kernel for the real module once
 * for all views of a page.
 */
import type { IModel } from './comm_source';
import { tell } from './telling';

interface IModule {
  render(context: { model: IModel; el: HTMLElement }): () => void;
}

interface ILoaded {
  module: IModule;
  css: string;
}

interface IBundle {
  kind: string;
  client: string;
}

const FIRST_PAUSE_MS = 1000;
/** The last of the pauses between questions, each twice as long as the one before, is no shorter than this. */
const PATIENCE_MS = 30_000;
const PLACE = '__jupyter_amltrain__';

function loaded(model: IModel): Promise<ILoaded> {
  const page = globalThis as unknown as { [PLACE]?: Map<unknown, Promise<ILoaded>> };
  const known = (page[PLACE] ??= new Map());
  const digest = model.get('bundle');
  let module = known.get(digest);
  if (!module) {
    module = ask(model);
    known.set(digest, module);
    module.catch(() => known.delete(digest));
  }
  return module;
}

function ask(model: IModel): Promise<ILoaded> {
  const client = `${Date.now()}-${Math.random()}`;
  return new Promise((resolve, reject) => {
    const take = (message: IBundle, buffers: DataView[]) => {
      if (message.kind === 'bundle' && message.client === client) {
        model.off('msg:custom', take);
        window.clearTimeout(timer);
        const [code, css] = buffers.map(view => new TextDecoder().decode(view));
        const address = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
        import(address)
          .then(module => resolve({ module, css }), reject)
          .finally(() => URL.revokeObjectURL(address));
      }
    };
    let timer = 0;
    // Once more, for the subshell in which the kernel hears us while it runs a cell may not be there at first.
    const say = (pauseMs: number) => {
      model.send({ kind: 'bundle', client });
      timer = window.setTimeout(() => {
        if (pauseMs < PATIENCE_MS) {
          say(2 * pauseMs);
          return;
        }
        model.off('msg:custom', take);
        reject(new Error('the kernel does not answer'));
      }, pauseMs);
    };
    model.on('msg:custom', take);
    say(FIRST_PAUSE_MS);
  });
}

function style(el: HTMLElement, css: string): void {
  const root = el.getRootNode();
  const place = root instanceof ShadowRoot ? root : document.head;
  if (!place.querySelector('style[data-amltrain]')) {
    const sheet = document.createElement('style');
    sheet.dataset.amltrain = '';
    sheet.textContent = css;
    place.append(sheet);
  }
}

export default {
  async render({ model, el }: { model: IModel; el: HTMLElement }): Promise<() => void> {
    el.textContent = 'Loading the view of the run …';
    try {
      const { module, css } = await loaded(model);
      el.textContent = '';
      style(el, css);
      const dispose = module.render({ model, el });
      const end = tell(model, el);
      return () => {
        end();
        dispose();
      };
    } catch (error) {
      const why = error instanceof Error ? error.message : `${error}`;
      el.textContent = `The view of this run could not be loaded (${why}). The run goes on; show it again with %aml_run.`;
      return () => undefined;
    }
  }
};
