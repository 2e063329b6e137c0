import { Curve, extremes } from './curve';

export type Axis = 'step' | 'relative' | 'wall' | 'epoch';

/** A curve as it is drawn: ascending x, null where the line breaks. */
export interface IShape {
  x: number[];
  y: (number | null)[];
}

/** What uPlot draws of a curve: null breaks the line, undefined is no point of this curve. */
export type Column = (number | null | undefined)[];

/** How a curve is looked at. */
export interface ILook {
  axis: Axis;
  /** 0 for none, towards 1 for more: weight of what came before, as TensorBoard has it. */
  smoothing: number;
  log: boolean;
  /** When "relative" begins, unix seconds. */
  began: number;
  epoch: Curve | null;
}

/** The x of each point of a curve. */
export function abscissa(curve: Curve, look: ILook): Float64Array {
  const { step, time, length } = curve;
  switch (look.axis) {
    case 'step':
      return step.subarray(0, length);
    case 'wall':
      return time.subarray(0, length);
    case 'relative':
      return time.subarray(0, length).map(at => at - look.began);
    case 'epoch':
      return look.epoch ? time.subarray(0, length).map(at => epochAt(look.epoch as Curve, at)) : step.subarray(0, length);
  }
}

/** Which epoch it was at a time, between the two that were logged around it. */
function epochAt(epoch: Curve, at: number): number {
  let low = 0;
  let high = epoch.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (epoch.time[middle] < at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const before = Math.max(0, low - 1);
  const span = epoch.time[low] - epoch.time[before];
  const share = span > 0 ? Math.min(1, Math.max(0, (at - epoch.time[before]) / span)) : 1;
  return epoch.value[before] + share * (epoch.value[low] - epoch.value[before]);
}

/** Exponential moving average without the bias of its beginning, as TensorBoard smooths. */
export function smoothed(values: ArrayLike<number>, length: number, weight: number): Float64Array {
  const made = new Float64Array(length);
  let average = 0;
  let power = 1;
  for (let at = 0; at < length; at++) {
    const value = values[at];
    if (Number.isFinite(value)) {
      average = average * weight + (1 - weight) * value;
      power *= weight;
      made[at] = average / (1 - power);
    } else {
      made[at] = NaN;
    }
  }
  return made;
}

/** What is to be drawn of a curve between two x, with about two points for each of `parts`. */
export function shape(curve: Curve, look: ILook, smooth: boolean, low: number, high: number, parts: number): IShape {
  let x = abscissa(curve, look);
  let y: Float64Array = smooth ? smoothed(curve.value, curve.length, look.smoothing) : curve.value.subarray(0, curve.length);
  if (!curve.ascends[look.axis === 'step' ? 'step' : 'time']) {
    const order = Array.from(x.keys()).sort((a, b) => x[a] - x[b] || a - b);
    [x, y] = [Float64Array.from(order, at => x[at]), Float64Array.from(order, at => y[at])];
  }
  // One more on each side, so that lines run to the edge.
  const from = Math.max(0, bound(x, low) - 1);
  const to = Math.min(x.length, bound(x, high) + 2);
  const made: IShape = { x: [], y: [] };
  for (const at of extremes(y, from, to, parts)) {
    if (Number.isFinite(x[at])) {
      made.x.push(x[at]);
      made.y.push(Number.isFinite(y[at]) && !(look.log && y[at] <= 0) ? y[at] : null);
    }
  }
  return made;
}

/** Shapes with x of their own → the table that uPlot draws: one x for all, undefined where a curve has no point. */
export function aligned(shapes: IShape[]): [number[], ...Column[]] {
  const places = shapes.map(() => 0);
  const x: number[] = [];
  const columns: Column[] = shapes.map(() => []);
  for (;;) {
    let next = Infinity;
    shapes.forEach((one, at) => {
      if (places[at] < one.x.length) {
        next = Math.min(next, one.x[places[at]]);
      }
    });
    if (next === Infinity) {
      return [x, ...columns];
    }
    x.push(next);
    shapes.forEach((one, at) => {
      const here = places[at] < one.x.length && one.x[places[at]] === next;
      columns[at].push(here ? one.y[places[at]] : undefined);
      places[at] += here ? 1 : 0;
    });
  }
}

/** The first place whose x is not below `value`. */
function bound(x: Float64Array, value: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
