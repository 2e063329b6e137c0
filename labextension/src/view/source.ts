import type { IRunState } from '../wire';

/**
 * Where a view gets a run from, and whom it asks. The cell's widget has one over its comm, the side panel another one
 * over the server; everything in `view/` knows only this. A view has a source of its own, and disposes it.
 *
 * What passes is told in docs/live-view.md.
 */
export interface IRunSource {
  /** The run as of now, null until it is known. */
  readonly state: IRunState | null;

  /** Whether news can arrive. */
  readonly connection: Connection;

  /** Be told of everything from now on; the answer ends it. */
  subscribe(listener: IRunListener): () => void;

  /** Follow another log of the run, from `start` on, or from a little before its end when that is not given. */
  followLog(file: string, start?: number): void;

  /** Say that a batch was taken in, so that more is sent; without it the flow stops. */
  taken(): void;

  /** Ask something. Rejects with an `Error` whose message is a sentence for the user. */
  request<K extends keyof IRequests>(kind: K, content: IRequests[K]['content']): Promise<IRequests[K]['reply']>;

  dispose(): void;
}

/** `lost`: whoever sent the news is gone (a kernel that was restarted); the run itself may well go on. */
export type Connection = 'connecting' | 'live' | 'lost';

export interface IRunListener {
  state?(state: IRunState): void;
  connection?(connection: Connection): void;
  log?(chunk: ILogChunk): void;
  series?(news: ISeriesNews[]): void;
  /** Metrics that are no curves have changed: ask for them with `values`. */
  values?(): void;
}

/** Bytes of a log. The next chunk of a file begins where the last one ended, unless `start` says otherwise: then what
 * lies between was left out, because there was too much of it, and can be read with `read_log`. */
export interface ILogChunk {
  file: string;
  start: number;
  /** Size of the whole file, as of now. */
  size: number;
  bytes: Uint8Array;
}

/** Points of one curve: what one source logged under one name from one rank. */
export interface ISeriesNews {
  /** The same for the same curve, for as long as the source lives. */
  id: number;
  name: string;
  /** Who logged it: '' for the script, `fastai`, `system`, …. */
  source: string;
  rank: number;
  /** How many points it has in all; more than were sent when they are a sample that looks the same. */
  count: number;
  /** Whether these take the place of what was sent before, or are added to it. */
  replace: boolean;
  /** What the script gave as step, else the place in the series. */
  step: Float64Array;
  /** Unix seconds. */
  time: Float64Array;
  value: Float64Array;
}

export interface IRequests {
  /** A part of a log, `start` included, `end` not; cut to 1 MiB. */
  read_log: { content: { file: string; start: number; end: number }; reply: ILogChunk };

  /** Lines of a whole log that have a text, or that look like an error or a warning: offsets of their first bytes. */
  find: {
    content: {
      file: string;
      /** '' with a level finds the lines of that level. */
      text: string;
      regex: boolean;
      ignore_case: boolean;
      level: '' | 'error' | 'warning';
      /** Look from there on. */
      after: number;
      limit: number;
    };
    reply: { matches: { offset: number; line: string }[]; complete: boolean };
  };

  /** Points of a curve between two steps or times, sampled to at most `points`. */
  sample: {
    content: { id: number; axis: 'step' | 'time'; low: number; high: number; points: number };
    reply: ISeriesNews;
  };

  /** Metrics that are no curves: text, rows, tables, images, …; long ones are cut. */
  values: { content: Record<string, never>; reply: { values: IValue[] } };

  /** Files below `outputs/`, `logs/` and what was uploaded. */
  outputs: { content: Record<string, never>; reply: { files: { name: string; size_bytes: number }[]; more: number } };

  /** A part of such a file, at most 1 MiB; `start` of the next is `start + bytes.length` until that is `size`. */
  read_file: { content: { name: string; start: number }; reply: { size: number; bytes: Uint8Array } };

  /** Lines of a file of the snapshot around a line. */
  code: { content: { file: string; line: number }; reply: { first: number; lines: string[] } };

  /** The command that would do the same by hand, and the notebook cell that made the run. */
  origin: { content: Record<string, never>; reply: { command: string; cell: string } };

  cancel: { content: Record<string, never>; reply: Record<string, never> };

  /** Submit the same again, with options of `%aml_submit` in place of those it had. The view goes on with the new
   * run, and may draw it over this one (`compare`). */
  rerun: { content: { arguments: string[] }; reply: { run_id: string } };

  /** The curves of other runs of the workspace, to be drawn behind this one's. `runs` empty: those of the same
   * experiment that can be chosen, newest first, without curves. */
  compare: {
    content: { runs: string[] };
    reply: { runs: { run_id: string; name: string; status: string; created: number; series: ISeriesNews[] }[] };
  };
}

export interface IValue {
  name: string;
  source: string;
  kind: string;
  /** How often it was logged. */
  count: number;
  /** The last one: text, a number, a list, a row (column → value), a table (column → list). */
  value: unknown;
  /** For kinds that are files, such as images: the name to `read_file`. */
  file: string;
}
