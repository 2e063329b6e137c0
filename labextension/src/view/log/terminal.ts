import { IStyle, PLAIN, styled } from './style';

export interface ISegment {
  text: string;
  style: IStyle;
}

export interface ILine {
  /** Offset in the file of the first byte that wrote into the line. */
  start: number;
  text: string;
  /** Null when all of it is plain. */
  segments: ISegment[] | null;
  /** How many bytes of a very long line are not shown. */
  cut: number;
  /** For a line that stands for a part of the file that was left out: where it ends. */
  gapEnd?: number;
}

/** So many bytes of a line are shown. */
export const LINE_BYTES = 16_384;

/** So many lines above the last one can still be written to, by progress bars that go up. */
const SCREEN_ROWS = 100;

const NEWLINE = 10;
// Anything but text and tabs; colours alone are easy, too.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
const NOT_COLOUR = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f]|\u001b(?!\[[\d;:]*m)/;
const COLOUR = /\u001b\[([\d;:]*)m/g;
// A whole escape sequence: CSI, a string (OSC, DCS, APC, PM, SOS) with its end, or a short one.
const ESCAPE =
  /^\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)|[ -/]*[0-OQ-WYZ\\`-~])/;
const ESCAPE_BEGINS = /^\u001b(?:\[[0-?]*[ -/]*|[\]PX^_][^\u0007\u001b]*\u001b?|[ -/]*)$/;

/**
 * Bytes of a log → lines, as a terminal without end would show them: carriage returns and backspaces write over, bars go up
 * and down, colours colour. The same bytes give the same lines however they are cut into pieces.
 */
export class Terminal {
  readonly lines: ILine[] = [];

  private _row = -1;
  private _column = 0;
  private _style = PLAIN;
  private _cells: string[] | null = null;
  private _styles: IStyle[] = [];
  private _escape = '';
  private _decoder = new TextDecoder();
  private _lineBytes = 0;
  private _fresh = true;

  constructor(private _offset: number) {}

  /** Where the next byte is expected. */
  get end(): number {
    return this._offset;
  }

  write(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      const newline = bytes.indexOf(NEWLINE, from);
      const to = newline < 0 ? bytes.length : newline;
      if (newline >= 0 && this._fresh && !this._escape && this._row >= this.lines.length - 1) {
        this._wholeLine(bytes.subarray(from, to));
      } else {
        this._part(bytes.subarray(from, to), newline >= 0);
      }
      this._offset += to - from + (newline < 0 ? 0 : 1);
      from = to + 1;
    }
    this._keep();
  }

  /** Forget lines at the beginning. */
  drop(count: number): void {
    this.lines.splice(0, count);
    this.moved(-count);
  }

  /** Lines were put in front of those that were written here. */
  moved(count: number): void {
    this._row += count;
  }

  /** A complete line into the next row: the usual case, and fast. */
  private _wholeLine(bytes: Uint8Array): void {
    const cut = Math.max(0, bytes.length - LINE_BYTES);
    let text = this._decoder.decode(cut ? bytes.subarray(0, LINE_BYTES) : bytes);
    if (text.endsWith('\r')) {
      text = text.slice(0, -1);
    }
    if (this._style === PLAIN && !CONTROL.test(text)) {
      this.lines.push({ start: this._offset, text, segments: null, cut });
      this._row = this.lines.length - 1;
    } else if (!NOT_COLOUR.test(text)) {
      this._coloured(text, cut);
    } else {
      this._part(bytes, true);
      return;
    }
    this._column = 0;
  }

  private _coloured(text: string, cut: number): void {
    const segments: ISegment[] = [];
    let from = 0;
    for (const match of text.matchAll(COLOUR)) {
      extend(segments, text.slice(from, match.index), this._style);
      this._style = styled(this._style, match[1]);
      from = match.index! + match[0].length;
    }
    extend(segments, text.slice(from), this._style);
    this.lines.push({ start: this._offset, ...joined(segments), cut });
    this._row = this.lines.length - 1;
  }

  /** A piece of a line, or one that moves about. */
  private _part(bytes: Uint8Array, ends: boolean): void {
    if (this._fresh) {
      this._nextRow();
    }
    const room = Math.max(0, LINE_BYTES - this._lineBytes);
    // A bar that is drawn over and over writes no long line: what a carriage return overwrites does not count.
    const short = bytes.length <= room || bytes.includes(13);
    const shown = short ? bytes : bytes.subarray(0, room);
    this._lineBytes = bytes.includes(13) ? bytes.length - bytes.lastIndexOf(13) : this._lineBytes + shown.length;
    this._put(this._decoder.decode(shown, { stream: !ends }));
    const line = this.lines[this._row];
    if (line) {
      line.cut += bytes.length - shown.length;
    }
    if (ends) {
      this._escape = ''; // a string that nobody ends must not swallow the log
      this._keep();
      this._cells = null;
      this._fresh = true;
      this._lineBytes = 0;
    } else {
      this._fresh = false;
    }
  }

  private _nextRow(): void {
    this._keep();
    this._cells = null;
    this._column = 0;
    this._row++;
    if (this._row >= this.lines.length) {
      this.lines.push({ start: this._offset, text: '', segments: null, cut: 0 });
    }
    this._fresh = false;
  }

  private _put(text: string): void {
    text = this._escape + text;
    this._escape = '';
    for (let at = 0; at < text.length; ) {
      const code = text.charCodeAt(at);
      if (code === 0x1b) {
        const rest = text.slice(at);
        const whole = ESCAPE.exec(rest);
        if (whole) {
          this._obey(whole[0]);
          at += whole[0].length;
        } else if (ESCAPE_BEGINS.test(rest) && rest.length < LINE_BYTES) {
          this._escape = rest;
          return;
        } else {
          at++;
        }
      } else if (code === 13) {
        this._column = 0;
        at++;
      } else if (code === 8) {
        this._column = Math.max(0, this._column - 1);
        at++;
      } else {
        const size = code >= 0xd800 && code < 0xdc00 && at + 1 < text.length ? 2 : 1;
        if (code === 9 || (code >= 32 && code !== 127 && !(code >= 0x80 && code < 0xa0))) {
          this._cell(text.slice(at, at + size));
        } else if (code !== 7 && code !== 0) {
          this._cell(text[at]);
        }
        at += size;
      }
    }
  }

  private _cell(character: string): void {
    const cells = this._open();
    while (cells.length < this._column) {
      cells.push(' ');
      this._styles.push(PLAIN);
    }
    cells[this._column] = character;
    this._styles[this._column] = this._style;
    this._column++;
  }

  /** The row's text as cells that can be written over. */
  private _open(): string[] {
    if (!this._cells) {
      const line = this.lines[this._row];
      this._cells = [];
      this._styles = [];
      for (const segment of line.segments ?? [{ text: line.text, style: PLAIN }]) {
        for (const character of segment.text) {
          this._cells.push(character);
          this._styles.push(segment.style);
        }
      }
    }
    return this._cells;
  }

  /** Write the cells back into their line. */
  private _keep(): void {
    const line = this.lines[this._row];
    if (!this._cells || !line) {
      return;
    }
    const segments: ISegment[] = [];
    this._cells.forEach((cell, at) => extend(segments, cell, this._styles[at]));
    Object.assign(line, joined(segments));
  }

  private _obey(sequence: string): void {
    if (sequence[1] !== '[') {
      return; // strings and short sequences have nothing to show
    }
    const parameters = sequence.slice(2, -1);
    const count = Math.max(1, parseInt(parameters, 10) || 1);
    switch (sequence[sequence.length - 1]) {
      case 'm':
        this._style = styled(this._style, parameters);
        break;
      case 'F':
        this._column = 0;
      // falls through
      case 'A':
        this._move(-count);
        break;
      case 'B':
        this._move(count);
        break;
      case 'C':
        this._column = Math.min(LINE_BYTES, this._column + count);
        break;
      case 'D':
        this._column = Math.max(0, this._column - count);
        break;
      case 'G':
        this._column = Math.min(LINE_BYTES, count - 1);
        break;
      case 'K':
        this._erase(parseInt(parameters, 10) || 0);
        break;
    }
  }

  private _move(rows: number): void {
    this._keep();
    this._cells = null;
    const top = Math.max(0, this.lines.length - SCREEN_ROWS);
    let row = Math.min(this.lines.length - 1, Math.max(top, this._row + rows));
    while (row > top && this.lines[row].gapEnd !== undefined) {
      row++; // what was left out is not written to
    }
    this._row = Math.min(row, this.lines.length - 1);
  }

  private _erase(what: number): void {
    const cells = this._open();
    if (what === 0) {
      cells.length = Math.min(cells.length, this._column);
    } else {
      cells.fill(' ', 0, what === 1 ? this._column + 1 : undefined);
      if (what === 2) {
        cells.length = 0;
      }
    }
    this._styles.length = cells.length;
  }
}

function extend(segments: ISegment[], text: string, style: IStyle): void {
  const last = segments[segments.length - 1];
  if (last && last.style === style) {
    last.text += text;
  } else if (text) {
    segments.push({ text, style });
  }
}

function joined(segments: ISegment[]): Pick<ILine, 'text' | 'segments'> {
  const isPlain = segments.every(segment => segment.style === PLAIN);
  return { text: segments.map(segment => segment.text).join(''), segments: isPlain ? null : segments };
}
