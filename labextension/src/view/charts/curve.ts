import type { ISeriesNews } from '../source';

/** So many points of a curve are kept in the page; of more, the lowest and highest of each stretch. */
export const POINTS_AT_MOST = 120_000;

/** One curve: what a source logged under a name from a rank. Arrays that grow, `length` of them in use. */
export class Curve {
  readonly id: number;
  readonly name: string;
  readonly source: string;
  readonly rank: number;
  /** How many points it has where it is kept. */
  count = 0;
  length = 0;
  /** Lowest and highest of all its numbers so far. */
  low = Infinity;
  high = -Infinity;
  /** The earliest time of all; the first is a later one where the clock was put back. */
  began = Infinity;
  /** Whether steps and times never go back, as is usual. */
  ascends = { step: true, time: true };
  step = new Float64Array();
  time = new Float64Array();
  value = new Float64Array();

  constructor(news: ISeriesNews) {
    ({ id: this.id, name: this.name, source: this.source, rank: this.rank } = news);
    this.take(news);
  }

  /** Whether there are points that are not here. */
  get sampled(): boolean {
    return this.length < this.count;
  }

  /** Last value that is a number, NaN when there is none. */
  get last(): number {
    for (let at = this.length - 1; at >= 0; at--) {
      if (Number.isFinite(this.value[at])) {
        return this.value[at];
      }
    }
    return NaN;
  }

  take(news: ISeriesNews): void {
    if (news.replace) {
      this.length = 0;
      this.ascends = { step: true, time: true };
    }
    this.count = news.count;
    const length = this.length + news.value.length;
    if (length > this.value.length) {
      const room = Math.max(length, 2 * this.value.length);
      this.step = grown(this.step, room);
      this.time = grown(this.time, room);
      this.value = grown(this.value, room);
    }
    this.step.set(news.step, this.length);
    this.time.set(news.time, this.length);
    this.value.set(news.value, this.length);
    for (let at = this.length; at < length; at++) {
      const value = this.value[at];
      if (Number.isFinite(value)) {
        this.low = Math.min(this.low, value);
        this.high = Math.max(this.high, value);
      }
      this.began = Math.min(this.began, this.time[at]);
      if (at && !(this.step[at] >= this.step[at - 1])) {
        this.ascends.step = false;
      }
      if (at && !(this.time[at] >= this.time[at - 1])) {
        this.ascends.time = false;
      }
    }
    this.length = length;
    if (length > POINTS_AT_MOST) {
      this._thin();
    }
  }

  private _thin(): void {
    const kept = extremes(this.value, 0, this.length, POINTS_AT_MOST >> 2);
    kept.forEach((from, to) => {
      this.step[to] = this.step[from];
      this.time[to] = this.time[from];
      this.value[to] = this.value[from];
    });
    this.length = kept.length;
  }
}

function grown(array: Float64Array, room: number): Float64Array {
  const made = new Float64Array(room);
  made.set(array);
  return made;
}

/**
 * Places, in order, of the lowest and highest number of each of `parts` stretches of `values[from..to)`, with the first and
 * the last of all, and one place of each stretch that holds no number, so that gaps stay.
 */
export function extremes(values: ArrayLike<number>, from: number, to: number, parts: number): number[] {
  const count = to - from;
  if (count <= 2 * parts) {
    return Array.from({ length: Math.max(0, count) }, (_, at) => from + at);
  }
  const kept: number[] = [from];
  for (let part = 0; part < parts; part++) {
    const begin = from + Math.floor((part * count) / parts);
    const end = from + Math.floor(((part + 1) * count) / parts);
    let low = -1;
    let high = -1;
    let gap = -1;
    for (let at = begin; at < end; at++) {
      const value = values[at];
      if (!Number.isFinite(value)) {
        gap = at;
        continue;
      }
      if (low < 0 || value < values[low]) {
        low = at;
      }
      if (high < 0 || value > values[high]) {
        high = at;
      }
    }
    for (const at of [low, high, gap].filter(place => place >= 0).sort((a, b) => a - b)) {
      if (at > kept[kept.length - 1]) {
        kept.push(at);
      }
    }
  }
  if (kept[kept.length - 1] !== to - 1) {
    kept.push(to - 1);
  }
  return kept;
}
