import { SHOWN } from './row';
import type { ILine } from './terminal';

/** Height of a row, pixels. */
export const ROW = 18;

/**
 * Where the lines of a log begin when they are wrapped: by their lengths, and as soon as they are in the page by their heights
 * there, for tabs and wide characters take more room.
 */
export class Wrapped {
  /** Where a line begins; where all end for the one behind the last. */
  topOf(line: number): number {
    return this._tops[line] ?? 0;
  }

  /** The line at a place. */
  lineAt(top: number): number {
    return this._tops.filter(each => each <= top).length - 1;
  }

  /** Find where lines begin, in rows of so many characters. */
  layOut(lines: ILine[], columns: number): void {
    if (columns !== this._columns) {
      this._columns = columns;
      this._heights = new WeakMap();
    }
    let top = 0;
    this._tops = [0, ...lines.map(line => (top += this._height(line)))];
  }

  /** Look at the rows of some lines; whether one has another height than was known. */
  learn(lines: ILine[], rows: HTMLElement[]): boolean {
    const news = lines.filter((line, at) => this._height(line) !== rows[at].offsetHeight);
    lines.forEach((line, at) => this._heights.set(line, rows[at].offsetHeight));
    return news.length > 0;
  }

  private _height(line: ILine): number {
    return this._heights.get(line) ?? ROW * Math.ceil(Math.min(line.text.length || 1, SHOWN) / this._columns);
  }

  private _tops = [0];
  private _columns = 0;
  private _heights = new WeakMap<ILine, number>();
}
