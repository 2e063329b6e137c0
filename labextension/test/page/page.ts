/* Components over a source that a test plays, for Chromium. */
import uPlot from 'uplot';
import { ChartGrid } from '../../src/view/charts/chart_grid';
import { LogView } from '../../src/view/log/log_view';
import { RunView } from '../../src/view/run_view';
import type { Connection, ILogChunk, IRequests, IRunListener, IRunSource, ISeriesNews } from '../../src/view/source';
import type { IRunState } from '../../src/wire';

type Content = { [name: string]: unknown };

/** A source whose news and answers the test gives. */
class PlayedSource implements IRunSource {
  state: IRunState | null = null;
  connection: Connection = 'live';
  asked: { kind: string; content: Content }[] = [];
  answers: { [kind: string]: (content: Content) => unknown } = {};
  logs = new Map<string, Uint8Array>();
  private readonly _listeners = new Set<IRunListener>();

  constructor() {
    this.answers.read_log = content => this._part(content.file as string, content.start as number, content.end as number);
    this.answers.read_file = content => {
      const bytes = this.logs.get(content.name as string) ?? new Uint8Array();
      const start = content.start as number;
      return { size: bytes.length, bytes: bytes.subarray(start, start + (1 << 20)) };
    };
  }

  subscribe(listener: IRunListener): () => void {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  }

  followLog(file: string, start?: number): void {
    this.asked.push({ kind: 'follow_log', content: { file, start } });
    const all = this.logs.get(file);
    if (all) {
      this.log(this._part(file, start ?? Math.max(0, all.length - 65_536), all.length));
    }
  }

  taken(): void {}

  request<K extends keyof IRequests>(kind: K, content: IRequests[K]['content']): Promise<IRequests[K]['reply']> {
    this.asked.push({ kind, content: content as Content });
    const answer = this.answers[kind];
    return answer
      ? Promise.resolve().then(() => answer(content as Content) as IRequests[K]['reply'])
      : Promise.reject(new Error(`no answer to ${kind}`));
  }

  dispose(): void {}

  update(state: Partial<IRunState>): void {
    this.state = { ...(this.state as IRunState), ...state };
    this._listeners.forEach(listener => listener.state?.(this.state as IRunState));
  }

  lose(): void {
    this.connection = 'lost';
    this._listeners.forEach(listener => listener.connection?.('lost'));
  }

  log(chunk: ILogChunk): void {
    this._listeners.forEach(listener => listener.log?.(chunk));
  }

  /** Text at the end of a log. */
  print(file: string, text: string): void {
    const before = this.logs.get(file) ?? new Uint8Array();
    const bytes = new TextEncoder().encode(text);
    const all = new Uint8Array(before.length + bytes.length);
    all.set(before);
    all.set(bytes, before.length);
    this.logs.set(file, all);
    this.log({ file, start: before.length, size: all.length, bytes });
  }

  points(name: string, values: number[], more: Partial<ISeriesNews> & { from?: number } = {}): void {
    const from = more.from ?? 0;
    const step = Float64Array.from(values, (_, at) => from + at);
    this._listeners.forEach(listener =>
      listener.series?.([
        {
          id: 1,
          name,
          source: '',
          rank: 0,
          count: from + values.length,
          replace: false,
          step,
          time: step.map(at => 1.7e9 + at),
          value: Float64Array.from(values),
          ...more
        }
      ])
    );
  }

  private _part(file: string, start: number, end: number): ILogChunk {
    const all = this.logs.get(file) ?? new Uint8Array();
    return { file, start, size: all.length, bytes: all.subarray(start, Math.min(end, start + (1 << 20))) };
  }
}

Object.assign(window, { ChartGrid, LogView, PlayedSource, RunView, uPlot });
