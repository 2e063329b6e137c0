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

/** What is said to what the module has drawn; see `cell/comm_source.ts`. */
const LOST = 'amltrain:lost';
const VIEWS = '.jp-amltrain-run-view, .jp-amltrain-runs-place';

interface IRunOutput {
  model_id: string;
}

/**
 * Have the runs of a notebook stay on screen, live, when their output is replaced by what needs no kernel, and show that
 * where there is no kernel that knows the widget.
 *
 * @param rendermime - what the notebook renders its outputs with.
 * @param kernel - the notebook's.
 */
export function keepRuns(rendermime: IRenderMimeRegistry, kernel: IKernel): void {
  rendermime.addFactory({ safe: false, mimeTypes: [RUN], createRenderer: () => new RunOutput(rendermime, kernel) }, RANK);
}

/** A signal, as far as it is needed here. */
interface ISignal<T> {
  connect(slot: (sender: unknown, value: T) => void, owner: object): boolean;
  disconnect(slot: (sender: unknown, value: T) => void, owner: object): boolean;
}

/** What a kernel says to all pages. */
interface IMessage {
  header: { msg_type: string };
  content: object;
}

/** The session of a notebook, as far as it is needed here. */
export interface IKernel {
  /** Tells of whatever may mean that the kernel's widgets can be shown now. */
  statusChanged: ISignal<unknown>;
  iopubMessage: ISignal<IMessage>;
  kernelChanged: ISignal<IChange>;
  sessionChanged: ISignal<IChange>;
}

interface IChange {
  oldValue: unknown;
}

class RunOutput extends Panel implements IRenderMime.IRenderer {
  constructor(
    private readonly _rendermime: IRenderMimeRegistry,
    private readonly _kernel: IKernel
  ) {
    super();
    this.node.addEventListener(DRAWN, this);
    this.node.addEventListener(STORY, this);
    this._kernel.statusChanged.connect(this._tryAgain, this);
    this._kernel.iopubMessage.connect(this._hear, this);
    this._kernel.kernelChanged.connect(this._lose, this);
    this._kernel.sessionChanged.connect(this._lose, this);
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
      this._kernel.statusChanged.disconnect(this._tryAgain, this);
    } else if (event.type === STORY) {
      this._keep((event as CustomEvent<{ html: string; text: string }>).detail);
    }
  }

  /**
   * What the kernel tells all pages. JupyterLab itself passes on only what this page has asked for, and of a kernel that restarts
   * not even that; and no widget can be had of a kernel that runs a cell, as that of a build.
   */
  private _hear(_kernel: unknown, message: IMessage): void {
    const { data } = message.content as { data?: { [type: string]: unknown } };
    const about = data?.[RUN] as IRunOutput | undefined;
    if (message.header.msg_type === 'update_display_data' && about?.model_id === this._shown) {
      this._keep({ html: data?.[HTML] as string, text: data?.[TEXT] as string });
    }
  }

  /** Have the notebook save this; a view that is drawn stays on screen. */
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

  /** Jupyter's widgets tell of a kernel that restarts, not of one that was shut down, culled or changed for another. */
  private _lose(_: unknown, { oldValue }: IChange): void {
    if (oldValue) {
      this.node.querySelectorAll(VIEWS).forEach(view => view.dispatchEvent(new Event(LOST)));
    }
  }

  private _model: IRenderMime.IMimeModel | null = null;
  private _shown = '';
  private _drawn = false;
  private _story: Widget | null = null;
  private _live: Widget | null = null;
  private _tried: IRenderMime.IRendererFactory | null = null;
}

const EMPTY = { trusted: true, metadata: {}, setData: (): void => undefined };
