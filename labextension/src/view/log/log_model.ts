import type { ILogChunk } from '../source';
import { ILine, Terminal } from './terminal';

/** So many lines are kept at most; what lies beyond is read from the file again when somebody looks there. */
export const LINES_AT_MOST = 50_000;
const DROPPED_AT_ONCE = 5_000;

/** A connected part of a log as lines: what is kept of a file of any size. */
export class LogModel {
  file = '';
  /** Size of the whole file. */
  size = 0;
  /** Offset of the first byte kept. */
  start = 0;
  /** Whether the end of the file is kept, so that what is new is added. */
  following = true;
  lines: ILine[] = [];
  /** Lines that left at the beginning since this was last looked at; for a view that stays where it is. */
  dropped = 0;

  private _terminal: Terminal | null = null;

  get end(): number {
    return this._terminal?.end ?? this.start;
  }

  /** Take what is new; what is known already is left out. */
  add(chunk: ILogChunk): void {
    if (chunk.file !== this.file) {
      this.reset(chunk.file);
    }
    this.size = Math.max(this.size, chunk.size);
    if (!this.following) {
      return;
    }
    let { start, bytes } = chunk;
    if (!this._terminal) {
      [start, bytes] = fromWholeLine(start, bytes);
      this._begin(start);
    }
    const known = this.end - start;
    if (known < 0) {
      this._gap(start);
    } else if (known > 0) {
      bytes = bytes.subarray(known);
    }
    const terminal = this._terminal as Terminal;
    terminal.write(bytes);
    if (this.lines.length > LINES_AT_MOST + DROPPED_AT_ONCE) {
      const count = this.lines.length - LINES_AT_MOST;
      terminal.drop(count);
      this.dropped += count;
      this.start = this.lines[0].start;
    }
  }

  /** Begin with another file, or anew. */
  reset(file: string, size = 0): void {
    this.file = file;
    this.size = size;
    this.following = true;
    this._terminal = null;
    this._clear(0);
  }

  /** Show another part of the file. */
  jump(chunk: ILogChunk): void {
    const [start, bytes] = chunk.start ? fromWholeLine(chunk.start, chunk.bytes) : [chunk.start, chunk.bytes];
    this.file = chunk.file;
    this.size = chunk.size;
    this._begin(start);
    this._terminal?.write(bytes);
    this.following = chunk.start + chunk.bytes.length >= chunk.size;
  }

  /** Put what lies before in front; returns how many lines that are. */
  before(chunk: ILogChunk): number {
    const [start, bytes] = chunk.start ? fromWholeLine(chunk.start, chunk.bytes) : [chunk.start, chunk.bytes];
    const earlier = new Terminal(start);
    earlier.write(bytes);
    if (!earlier.lines.length) {
      return 0;
    }
    this.lines.unshift(...earlier.lines);
    this._terminal?.moved(earlier.lines.length);
    this.start = start;
    this._trimEnd();
    return earlier.lines.length;
  }

  /** Put what lies behind at the end, for a part that does not reach to it. */
  after(chunk: ILogChunk): void {
    this._terminal?.write(chunk.bytes);
    this.size = Math.max(this.size, chunk.size);
    this.following = this.end >= this.size;
    const over = this.lines.length - LINES_AT_MOST;
    if (over > 0) {
      this._terminal?.drop(over);
      this.dropped += over;
      this.start = this.lines[0].start;
    }
  }

  /** The place in `lines` of the line that an offset of the file lies in, -1 when it is none of these. */
  lineAt(offset: number): number {
    if (offset < this.start || offset >= this.end || !this.lines.length) {
      return -1;
    }
    let low = 0;
    let high = this.lines.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.lines[middle].start <= offset) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  private _begin(start: number): void {
    this._clear(start);
    this._restart(start, []);
  }

  private _clear(start: number): void {
    this.lines = [];
    this.start = start;
    this.dropped = 0;
  }

  private _gap(start: number): void {
    this._restart(start, [...this.lines, { start: this.end, text: '', segments: null, cut: 0, gapEnd: start }]);
  }

  /** Go on at another place behind these lines. */
  private _restart(start: number, lines: ILine[]): void {
    this._terminal = new Terminal(start);
    this.lines = this._terminal.lines;
    this.lines.push(...lines);
    this._terminal.moved(lines.length);
  }

  private _trimEnd(): void {
    if (this.lines.length > LINES_AT_MOST) {
      // The end is far from where somebody looks: it is read again when it is wanted.
      this._restart(this.lines[LINES_AT_MOST].start, this.lines.slice(0, LINES_AT_MOST));
      this.following = false;
    }
  }
}

/** Without the rest of a line that began before. */
function fromWholeLine(start: number, bytes: Uint8Array): [number, Uint8Array] {
  if (!start) {
    return [start, bytes];
  }
  const newline = bytes.indexOf(10);
  return newline < 0 ? [start, bytes] : [start + newline + 1, bytes.subarray(newline + 1)];
}
