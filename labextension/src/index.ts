import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';

import { insertCells, INotebook } from './lab/insert_cell';
import { keepRuns } from './lab/run_output';

/**
 * Gives the HTML that runs show in output cells the colours of the current theme, also in a saved notebook that is
 * opened without a kernel. The style sheet, `style/base.css`, is loaded with the extension; activating adds nothing.
 */
const style: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-amltrain:style',
  description: 'The style of runs in output cells.',
  autoStart: true,
  activate: (_app: JupyterFrontEnd): void => undefined
};

/** The panel of a notebook, as far as it is needed here. */
interface INotebookPanel {
  content: INotebook & { rendermime: IRenderMimeRegistry };
}

/** Runs in output cells are live as long as the kernel is there, and saved as what needs none. */
const runs: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-amltrain:runs',
  description: 'Runs in output cells, live and saved.',
  autoStart: true,
  activate: (app: JupyterFrontEnd): void => {
    app.docRegistry.addWidgetExtension('Notebook', {
      createNew: (panel, context: DocumentRegistry.Context) => {
        const { content } = panel as unknown as INotebookPanel;
        keepRuns(content.rendermime, context.sessionContext);
        insertCells(content);
      }
    });
  }
};

export default [style, runs];
