import uPlot from 'uplot';
import { append, element, replace, say } from '../dom';
import { duration, number, size, visible } from '../format';
import type { Curve } from './curve';
import { unit } from './families';
import { aligned, ILook, shape } from './shape';

const HEIGHT = 120;
const COLOURS = 8;
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

/** A curve of another run, drawn behind. */
export interface IBehind {
  curve: Curve;
  run: string;
  /** When that run's curves began, and which epochs it had: its time is its own. */
  began: number;
  epoch: Curve | null;
}

/** What the grid that a chart is in does for it. */
export interface IChartHost {
  readonly look: ILook;
  readonly sync: string;
  /** Points between two x of a curve of which only a sample is here; null when there are none to be had. */
  detail(curve: Curve, low: number, high: number): Promise<Curve | null>;
}

/** One metric family: title, legend, last value, curves. */
export class Chart {
  readonly node: HTMLElement;
  readonly curves: Curve[] = [];
  behind: IBehind[] = [];

  constructor(
    readonly family: string,
    private readonly _host: IChartHost
  ) {
    this._title.textContent = visible(family);
    const caption = element('figcaption', { class: 'chart-caption' }, this._title, this._legend, this._last);
    this.node = element('figure', { class: 'chart', tabindex: 0, role: 'group', 'aria-keyshortcuts': 'ArrowLeft ArrowRight + Escape' }, caption, this._canvas, this._read);
    this.node.addEventListener('keydown', event => this._key(event));
  }

  /** The last value, in words. */
  get lastText(): string {
    const shown = this.curves.find(curve => !this._hidden.has(curve.id)) ?? this.curves[0];
    const last = shown ? shown.last : NaN;
    return Number.isNaN(last) ? '' : worded(shown.name, last);
  }

  /** Have the next drawing be one with other settings, colours or curves. */
  renew(): void {
    this._stale = true;
  }

  /** How wide it is drawn, 0 where it is not seen; asking for it has the page laid out. */
  get width(): number {
    return this._canvas.clientWidth;
  }

  /** Draw what is there now; called for charts that are seen only. */
  draw(width = this.width): void {
    if (!width) {
      return;
    }
    if (this._stale) {
      this._stale = false;
      this._plot?.destroy();
      this._plot = null;
    }
    this._tell();
    const data = this._data(width);
    if (!data[0].length) {
      replace(this._canvas, element('p', { class: 'muted chart-empty' }, 'No numbers yet'));
      return;
    }
    if (!this._plot) {
      replace(this._canvas);
      this._plot = new uPlot(this._options(width), data as uPlot.AlignedData, this._canvas);
    } else {
      if (this._plot.width !== width) {
        this._plot.setSize({ width, height: HEIGHT });
      }
      this._plot.setData(data as uPlot.AlignedData, !this._zoom);
      if (this._zoom) {
        this._plot.setScale('x', { min: this._zoom[0], max: this._zoom[1] });
      }
    }
  }

  /** Show everything again. */
  unzoom(): void {
    if (this._zoom) {
      this._zoom = null;
      this._details.clear();
      this._redraw();
    }
  }

  dispose(): void {
    this._plot?.destroy();
  }

  // --- what is drawn -----------------------------------------------------------------------------------------------

  private _data(width: number) {
    const look = this._host.look;
    const [low, high] = this._zoom ?? [-Infinity, Infinity];
    const of = (curve: Curve, smooth: boolean) =>
      shape(this._details.get(curve.id) ?? curve, look, smooth, low, high, width);
    const shapes = this.behind.map(({ curve, began, epoch }) =>
      look.axis === 'epoch' && !epoch
        ? { x: [], y: [] }
        : shape(curve, { ...look, began, epoch }, look.smoothing > 0, low, high, width)
    );
    for (const curve of this.curves) {
      shapes.push(of(curve, look.smoothing > 0));
      if (look.smoothing > 0) {
        shapes.push(of(curve, false));
      }
    }
    return aligned(shapes);
  }

  private _options(width: number): uPlot.Options {
    const css = getComputedStyle(this.node);
    const colour = (name: string) => css.getPropertyValue(`--amltrain-${name}`).trim();
    const { axis, log, smoothing } = this._host.look;
    const grid = { stroke: colour('line'), width: 1 };
    const text = { stroke: colour('fg2'), font: `10px ${colour('ui')}`, grid, ticks: { show: false } };
    const series: uPlot.Series[] = [{}];
    this.behind.forEach((_, at) => {
      const stroke = colour(this._colourBehind(at));
      series.push({ stroke, width: 1.2, dash: DASHES[1 + (at % 3)], points: { show: false } });
    });
    this.curves.forEach((curve, at) => {
      const stroke = colour(`c${1 + (at % COLOURS)}`);
      const show = !this._hidden.has(curve.id);
      const dash = DASHES[Math.floor(at / COLOURS) % DASHES.length];
      const single = { show: () => curve.length === 1, size: 6, fill: stroke };
      series.push({ label: curve.name, stroke, width: 1.6, dash, show, points: single });
      if (smoothing > 0) {
        series.push({ stroke: `${stroke}40`, width: 1, show, points: { show: false } });
      }
    });
    const name = this.curves[0]?.name ?? '';
    return {
      width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false }, sync: { key: this._host.sync }, points: { size: 5 } },
      scales: { x: { time: axis === 'wall' }, y: { distr: log ? 3 : 1 } },
      axes: [
        { ...text, size: 22, space: 60, values: axis === 'relative' ? (_, ticks) => ticks.map(duration) : undefined },
        { ...text, size: 46, space: 24, values: (_, ticks) => ticks.map(tick => (tick === null ? '' : worded(name, tick))) }
      ],
      series,
      hooks: {
        setCursor: [plot => this._readAt(plot)],
        setSelect: [plot => this._selected(plot)]
      }
    };
  }

  // --- words -------------------------------------------------------------------------------------------------------

  private _tell(): void {
    const names = [...this.curves.map(curve => curve.id), ...this.behind.map(({ run }) => run)].join();
    if (names !== this._legendOf) {
      this._legendOf = names;
      replace(this._legend, ...(this.curves.length + this.behind.length > 1 ? this.curves.map((curve, at) => this._toggle(curve, at)) : []));
      const behind = (each: IBehind, at: number) =>
        element('span', { class: `legend behind ${this._colourBehind(at)}` }, this._nameBehind(each));
      append(this._legend, ...this.behind.map(behind));
      const sources = [...new Set(this.curves.map(curve => curve.source))].filter(source => source && source !== 'system');
      append(this._legend, ...sources.map(source => element('span', { class: 'badge', title: `Logged by ${source}` }, visible(source))));
    }
    say(this._last, this.lastText);
    const label = this.curves.map(curve => describe(curve)).join('; ');
    this.node.setAttribute('aria-label', `Chart ${visible(this.family)}: ${visible(label)}`);
  }

  /** Curves behind have the colours after those of the run's own. */
  private _colourBehind(at: number): string {
    return `c${1 + ((this.curves.length + at) % COLOURS)}`;
  }

  /** A curve behind by its run, and by its own name where that is not the only one of the chart. */
  private _nameBehind({ curve, run }: IBehind): string {
    const only = [...this.curves, ...this.behind.map(other => other.curve)].every(other => other.name === curve.name);
    return visible(only ? run : `${run} ${curve.name}`);
  }

  private _toggle(curve: Curve, at: number): HTMLElement {
    const shown = !this._hidden.has(curve.id);
    const made = element(
      'button',
      { type: 'button', class: `legend c${1 + (at % COLOURS)}`, 'aria-pressed': `${shown}`, title: visible(curve.name) },
      visible(this._short(curve))
    );
    made.addEventListener('click', () => {
      const back = this._hidden.delete(curve.id);
      if (!back) {
        this._hidden.add(curve.id);
      }
      made.ariaPressed = `${back}`;
      this._redraw();
    });
    return made;
  }

  private _short(curve: Curve): string {
    const name = curve.name.replace(/^system\//, '');
    const several = this.curves.some(other => other.name === curve.name && other.rank !== curve.rank);
    return several ? `${name} rank ${curve.rank}` : name;
  }

  private _readAt(plot: uPlot): void {
    const at = plot.cursor.idx;
    if (at === null || at === undefined) {
      say(this._read, '');
      return;
    }
    const { axis, smoothing } = this._host.look;
    const x = plot.data[0][at];
    const where = axis === 'wall' ? new Date(x * 1000).toLocaleTimeString() : axis === 'relative' ? duration(x) : `${axis} ${number(x)}`;
    const every = smoothing > 0 ? 2 : 1;
    const values = this.curves.map((curve, place) => {
      const column = plot.data[1 + this.behind.length + place * every] as (number | null | undefined)[];
      const value = nearest(column, at);
      return value === null || this._hidden.has(curve.id) ? '' : `${this._short(curve)} ${worded(curve.name, value)}`;
    });
    this.behind.forEach((behind, place) => {
      const value = nearest(plot.data[1 + place] as (number | null | undefined)[], at);
      values.push(value === null ? '' : `${this._nameBehind(behind)} ${worded(this.curves[0]?.name ?? '', value)}`);
    });
    say(this._read, visible([where, ...values.filter(Boolean)].join(' · ')));
  }

  // --- what the user does ------------------------------------------------------------------------------------------

  private _selected(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 3) {
      return;
    }
    const [low, high] = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this._zoomTo(low, high);
  }

  private _zoomTo(low: number, high: number): void {
    this._zoom = [low, high];
    this.draw();
    for (const curve of this.curves.filter(each => each.sampled)) {
      this._host.detail(curve, low, high).then(
        detail => {
          if (detail && this._zoom?.[0] === low) {
            this._details.set(curve.id, detail);
            this.draw();
          }
        },
        () => undefined // without it the sample stays, which looks the same
      );
    }
  }

  private _redraw(): void {
    this.renew();
    this.draw();
  }

  private _key(event: KeyboardEvent): void {
    const plot = this._plot;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === 'Escape') {
      this.unzoom();
    } else if (plot && event.key === '+') {
      const { min = 0, max = 0 } = plot.scales.x;
      const middle = plot.data[0][plot.cursor.idx ?? -1] ?? (min + max) / 2;
      this._zoomTo(middle - (max - min) / 4, middle + (max - min) / 4);
    } else if (plot && by && event.target === this.node) {
      event.preventDefault();
      const [first, last] = plot.series[0].idxs as [number, number];
      const at = Math.min(last, Math.max(first, (plot.cursor.idx ?? (by > 0 ? first - 1 : last + 1)) + by));
      this._read.setAttribute('aria-live', 'polite');
      plot.setCursor({ left: plot.valToPos(plot.data[0][at], 'x'), top: HEIGHT / 2 });
    }
  }

  private readonly _title = element('span', { class: 'chart-title' });
  private readonly _legend = element('span', { class: 'chart-legend' });
  private readonly _last = element('b', { class: 'chart-last' });
  private readonly _canvas = element('div', { class: 'chart-canvas' });
  private readonly _read = element('output', { class: 'chart-read muted' });
  private readonly _hidden = new Set<number>();
  private readonly _details = new Map<number, Curve>();
  private _plot: uPlot | null = null;
  private _zoom: [number, number] | null = null;
  private _legendOf = '';
  private _stale = false;
}

/** A value of a metric in words, with its unit where it has one. */
export function worded(name: string, value: number): string {
  switch (unit(name)) {
    case '%':
      return `${Math.round(value)} %`;
    case 'bytes':
      return size(value);
    case 'bytes/s':
      return `${size(value)}/s`;
    default:
      return number(value);
  }
}

function describe(curve: Curve): string {
  const words = (value: number) => worded(curve.name, value);
  const told = `${curve.name}, ${number(curve.count)} points`;
  return curve.high < curve.low
    ? told
    : `${told}, last ${words(curve.last)}, lowest ${words(curve.low)}, highest ${words(curve.high)}`;
}

/** The value at a place, or the last one before it. */
function nearest(column: (number | null | undefined)[], at: number): number | null {
  for (let place = at; place >= 0; place--) {
    const value = column[place];
    if (value !== undefined) {
      return value;
    }
  }
  return null;
}

