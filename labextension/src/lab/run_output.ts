import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Panel, Widget } from '@lumino/widgets';

/** The output of a cell that shows a run: which widget shows it live. The bundle has it as HTML and text, too. */
export const RUN = 'application/vnd.jupyter-amltrain.run+json';

const HTML = 'text/html';
const TEXT = 'text/plain';
const WIDGET = 'application/vnd.jupyter.widget-view+json';

/** Before that of the widget itself, whose rank is -10. */
const RANK = -20;

/** What the widget's module says to the place that it is in; see `cell/loader.ts`. */
const DRAWN = 'amltrain:drawn';
const STORY = 'amltrain:story';

interface IRunOutput {
  model_id: string;
}

/**
 * Have the runs of a notebook stay on screen, live, when their output is replaced by what needs no kernel, and show that
 * where there is no kernel that knows the widget.
 *
 * @param rendermime - what the notebook renders its outputs with.
 * @param changed - tells of whatever may mean that the kernel's widgets can be shown now.
 */
export function keepRuns(rendermime: IRenderMimeRegistry, changed: IChanges): void {
  rendermime.addFactory({ safe: false, mimeTypes: [RUN], createRenderer: () => new RunOutput(rendermime, changed) }, RANK);
}

/** A signal, as far as it is needed here. */
export interface IChanges {
  connect(slot: () => void, owner: object): boolean;
  disconnect(slot: () => void, owner: object): boolean;
}

class RunOutput extends Panel implements IRenderMime.IRenderer {
  constructor(
    private readonly _rendermime: IRenderMimeRegistry,
    private readonly _changed: IChanges
  ) {
    super();
    this.node.addEventListener(DRAWN, this);
    this.node.addEventListener(STORY, this);
    this._changed.connect(this._tryAgain, this);
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this._model = model;
    const id = (model.data[RUN] as unknown as IRunOutput).model_id;
    if (id === this._shown) {
      if (!this._drawn) {
        await this._showStory(model);
      }
      return;
    }
    this._shown = id;
    this._drawn = false;
    this._live = this._tried = null;
    this.widgets.slice().forEach(widget => widget.dispose());
    await this._showStory(model);
    this._tryAgain();
  }

  handleEvent(event: Event): void {
    if (event.type === DRAWN && !this._drawn) {
      this._drawn = true;
      this._story?.dispose();
      this._story = null;
      this._live?.show();
      this._changed.disconnect(this._tryAgain, this);
    } else if (event.type === STORY) {
      this._keep((event as CustomEvent<{ html: string; text: string }>).detail);
    }
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._changed.disconnect(this._tryAgain, this);
      super.dispose();
    }
  }

  /** Have the notebook save this; what is on screen stays. */
  private _keep({ html, text }: { html: string; text: string }): void {
    const model = this._model;
    if (model && model.data[HTML] !== html) {
      model.setData({ data: { [RUN]: model.data[RUN], [HTML]: html, [TEXT]: text } });
    }
  }

  private async _showStory(model: IRenderMime.IMimeModel): Promise<void> {
    const type = typeof model.data[HTML] === 'string' ? HTML : TEXT;
    const story = this._rendermime.createRenderer(type);
    this._story?.dispose();
    this._story = story;
    this.addWidget(story);
    await story.renderModel(model);
  }

  /** Show the widget, which tells when it is drawn; the notebook's widgets come some time after the notebook. */
  private _tryAgain(): void {
    const factory = this._rendermime.getFactory(WIDGET);
    if (this._drawn || !this._model || !factory || factory === this._tried) {
      return;
    }
    this._tried = factory;
    this._live?.dispose();
    const live = this._rendermime.createRenderer(WIDGET);
    live.hide();
    this.addWidget(live);
    this._live = live;
    const view = { model_id: this._shown, version_major: 2, version_minor: 0 };
    void live.renderModel({ ...EMPTY, data: { [WIDGET]: view } });
  }

  private _model: IRenderMime.IMimeModel | null = null;
  private _shown = '';
  private _drawn = false;
  private _story: Widget | null = null;
  private _live: Widget | null = null;
  private _tried: IRenderMime.IRendererFactory | null = null;
}

const EMPTY = { trusted: true, metadata: {}, setData: (): void => undefined };
