/** What a view of a run says to put a text into a new cell; see `cell/index.ts`. Whoever does it prevents the default. */
const INSERT_CELL = 'amltrain:insert-cell';

/** A notebook, as far as it is needed here. */
export interface INotebook {
  node: HTMLElement;
  widgets: readonly { node: HTMLElement }[];
  activeCellIndex: number;
  model: { sharedModel: { insertCell(index: number, cell: { cell_type: 'code'; source: string }): unknown } } | null;
}

/** Have views of runs put the cell that made a run back into the notebook, below the cell that shows them. */
export function insertCells(notebook: INotebook): void {
  notebook.node.addEventListener(INSERT_CELL, event => {
    const { model } = notebook;
    if (!model) {
      return;
    }
    const shown = notebook.widgets.findIndex(cell => cell.node.contains(event.target as Node));
    const { text } = (event as CustomEvent<{ text: string }>).detail;
    model.sharedModel.insertCell(shown + 1, { cell_type: 'code', source: text });
    notebook.activeCellIndex = shown + 1;
    event.preventDefault();
  });
}
