import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

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

export default style;
