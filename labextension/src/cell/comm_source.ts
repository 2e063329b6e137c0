import type {
  Connection,
  ILogChunk,
  IRequests,
  IRunListener,
  IRunSource,
  ISeriesNews
} from '../view/source';
import type { IRunState } from '../wire';

/** What we need of the model that anywidget gives us. */
export interface IModel {
  get(name: string): unknown;
  on(event: string, callback: (...values: never[]) => void): void;
  off(event: string, callback: (...values: never[]) => void): void;
  send(content: object): void;
}

type Head = Omit<ISeriesNews, 'step' | 'time' | 'value'> & { points: number };

/** The messages of the kernel; see docs/live-view.md. */
interface IMessage {
  client?: string;
  kind: string;
  seq?: number;
  id?: number;
  error?: string;
  log?: Omit<ILogChunk, 'bytes'> | null;
  series?: Head[];
  values?: boolean;
  reply?: unknown;
}

interface IWaiting {
  kind: string;
  resolve(value: never): void;
  reject(error: Error): void;
  timer: number;
}

const PATIENCE_MS = 30_000;
const BUSY = 'The kernel does not answer: it may be busy with a cell.';
const GONE = 'The kernel is gone; %aml_run shows the run again.';

/** A run as the kernel tells it over the widget's comm. */
export class CommSource implements IRunSource {
  connection: Connection = 'connecting';

  constructor(private readonly _model: IModel) {
    _model.on('msg:custom', this._onMessage);
    _model.on('change:state', this._onState);
    for (const event of LOSSES) {
      _model.on(event, this.lose);
    }
    window.addEventListener('pagehide', this._onHide);
    window.addEventListener('pageshow', this._onShow);
    this._say({ kind: 'open' });
  }

  get state(): IRunState | null {
    const state = this._model.get('state') as IRunState | null;
    return state && state.run_id ? state : null;
  }

  subscribe(listener: IRunListener): () => void {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  }

  followLog(file: string, start?: number): void {
    this._say({ kind: 'follow_log', file, start: start ?? null });
  }

  taken(): void {
    if (this._seq !== null) {
      this._say({ kind: 'taken', seq: this._seq });
      this._seq = null;
    }
  }

  request<K extends keyof IRequests>(kind: K, content: IRequests[K]['content']): Promise<IRequests[K]['reply']> {
    if (this.connection === 'lost') {
      return Promise.reject(new Error(GONE));
    }
    const id = ++this._lastId;
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => this._answer(id)?.reject(new Error(BUSY)), PATIENCE_MS);
      this._waiting.set(id, { kind, resolve: resolve as (value: never) => void, reject, timer });
      this._say({ kind, id, ...content });
    });
  }

  dispose(): void {
    this._say({ kind: 'close' });
    this._model.off('msg:custom', this._onMessage);
    this._model.off('change:state', this._onState);
    for (const event of LOSSES) {
      this._model.off(event, this.lose);
    }
    window.removeEventListener('pagehide', this._onHide);
    window.removeEventListener('pageshow', this._onShow);
    this._listeners.clear();
    this._waiting.forEach(waiting => window.clearTimeout(waiting.timer));
  }

  private readonly _onState = (): void => {
    const state = this.state;
    if (state) {
      this._connected('live');
      this._listeners.forEach(listener => listener.state?.(state));
    }
  };

  private readonly _onMessage = (message: IMessage, buffers: DataView[]): void => {
    if (message.client !== this._client) {
      return;
    }
    this._connected('live');
    if (message.kind === 'batch') {
      this._take(message, buffers);
    } else if (message.kind === 'reply' && message.id !== undefined) {
      const waiting = this._answer(message.id);
      if (message.error) {
        waiting?.reject(new Error(message.error));
      } else {
        waiting?.resolve(withBytes(waiting.kind, message.reply, buffers) as never);
      }
    } else if (message.kind === 'gone') {
      this._say({ kind: 'open' });
    }
  };

  private _take(message: IMessage, buffers: DataView[]): void {
    // A listener that fails must not stop the flow for the others.
    this._seq = message.seq ?? null;
    const rest = buffers.slice();
    const log = message.log ? { ...message.log, bytes: asBytes(rest.shift()) } : null;
    const series = message.series?.length ? asSeries(message.series, rest) : null;
    for (const listener of this._listeners) {
      if (log) {
        listener.log?.(log);
      }
      if (series) {
        listener.series?.(series);
      }
      if (message.values) {
        listener.values?.();
      }
    }
    // What was given out is drawn with the next frame; a page that draws none does not ask for more.
    requestAnimationFrame(() => this.taken());
  }

  /** The kernel may be gone. */
  readonly lose = (): void => {
    this._connected('lost');
    for (const id of [...this._waiting.keys()]) {
      this._answer(id)?.reject(new Error(GONE));
    }
    // A connection that came back tells of itself in the same way: whoever is there will answer.
    this._say({ kind: 'open' });
  };

  private readonly _onHide = (): void => this._say({ kind: 'close' });

  private readonly _onShow = (event: PageTransitionEvent): void => {
    if (event.persisted) {
      this._say({ kind: 'open' });
    }
  };

  private _connected(connection: Connection): void {
    if (this.connection !== connection) {
      this.connection = connection;
      this._listeners.forEach(listener => listener.connection?.(connection));
    }
  }

  private _answer(id: number): IWaiting | undefined {
    const waiting = this._waiting.get(id);
    this._waiting.delete(id);
    window.clearTimeout(waiting?.timer);
    return waiting;
  }

  private _say(content: object): void {
    try {
      this._model.send({ client: this._client, ...content });
    } catch {
      this._connected('lost');
    }
  }

  private readonly _client = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
  private readonly _listeners = new Set<IRunListener>();
  private readonly _waiting = new Map<number, IWaiting>();
  private _lastId = 0;
  private _seq: number | null = null;
}

/** What the place of a view says to its node when there is no kernel any more. */
export const LOST = 'amltrain:lost';

/** Events of a widget's model that mean that nobody is at the other end any more. */
export const LOSSES = ['comm:close', 'comm_live_update', 'destroy'];

function asBytes(view: DataView | undefined): Uint8Array {
  return view ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array();
}

function asNumbers(view: DataView | undefined): Float64Array {
  // A copy, for the numbers need not begin where numbers may.
  return view ? new Float64Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)) : new Float64Array();
}

function asSeries(heads: Head[], buffers: DataView[]): ISeriesNews[] {
  return heads.map(({ points, ...head }) => ({
    ...head,
    step: asNumbers(buffers.shift()),
    time: asNumbers(buffers.shift()),
    value: asNumbers(buffers.shift())
  }));
}

/** Put the buffers of a reply where its kind has them. */
function withBytes(kind: string, reply: unknown, buffers: DataView[]): unknown {
  const rest = buffers.slice();
  const plain = reply as { runs?: { series: Head[] }[] };
  switch (kind) {
    case 'read_log':
    case 'read_file':
      return { ...plain, bytes: asBytes(rest.shift()) };
    case 'sample':
      return asSeries([plain as unknown as Head], rest)[0];
    case 'compare':
      return { runs: plain.runs?.map(run => ({ ...run, series: asSeries(run.series, rest) })) };
    default:
      return plain;
  }
}
