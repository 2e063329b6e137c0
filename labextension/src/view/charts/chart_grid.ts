import { button, element, muted, say } from '../dom';
import { visible } from '../format';
import type { IRequests, IRunSource, ISeriesNews } from '../source';
import { Chart, IBehind, IChartHost } from './chart';
import { Curve } from './curve';
import { comesFirst, family } from './families';
import { Axis, ILook } from './shape';

type Behind = IRequests['compare']['reply']['runs'];

/** So many charts are offered at once; more when asked for. */
const AT_ONCE = 30;
const FILTER_FROM = 8;
const REDRAW_MS = 100;
const DETAIL_POINTS = 1500;
const AXES: [Axis, string][] = [
  ['step', 'Step'],
  ['relative', 'Time'],
  ['wall', 'Clock'],
  ['epoch', 'Epoch']
];

/** How charts are looked at, remembered for the page. */
const remembered: { axis: Axis; smoothing: number; log: boolean } = { axis: 'step', smoothing: 0, log: false };

let grids = 0;

/** The charts of a run: one for each metric family, those of the machine apart. */
export class ChartGrid implements IChartHost {
  readonly node: HTMLElement;
  readonly sync = `amltrain-${++grids}`;
  readonly look: ILook = { ...remembered, began: Infinity, epoch: null };

  constructor(private readonly _source: IRunSource) {
    this._seen = new IntersectionObserver(entries => this._see(entries), { rootMargin: '100px' });
    this._themes = new MutationObserver(() => this._renew());
    this._themes.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-light', 'class'] });
    this._sizes = new ResizeObserver(() => this._later());
    this._more = button('Show more charts', () => this._showMore());
    this._machine = element('details', { class: 'machine' }, element('summary', {}, 'Machine ', this._machineNow), this._machineCharts);
    this._machine.addEventListener('toggle', () => this._later());
    this.node = element('div', { class: 'chart-grid' }, this._tools(), this._own, this._more, this._machine);
    this._sizes.observe(this.node);
    this.node.addEventListener('dblclick', () => this._charts.forEach(chart => chart.unzoom()));
    this._own.hidden = this._more.hidden = this._machine.hidden = this._bar.hidden = true;
    this._stop = _source.subscribe({ series: news => this._take(news), state: state => this._belongsTo(state.run_id) });
    this._belongsTo(_source.state?.run_id ?? '');
  }

  /** Draw curves of other runs behind those of the same names. */
  overlay(runs: Behind): void {
    this._behind = runs.flatMap(({ name, series }) => {
      const curves = series.map(news => new Curve(news));
      const began = Math.min(...curves.map(curve => curve.began));
      const epoch = curves.find(isEpoch) ?? null;
      return curves.map(curve => ({ curve, run: name, began, epoch }));
    });
    this._charts.forEach((chart, key) => {
      chart.behind = this._behindOf(key);
    });
    this._renew();
  }

  async detail(curve: Curve, low: number, high: number): Promise<Curve | null> {
    const { axis, began } = this.look;
    if (axis === 'epoch') {
      return null;
    }
    const shift = axis === 'relative' ? began : 0;
    const asked = { id: curve.id, axis: axis === 'step' ? ('step' as const) : ('time' as const), points: DETAIL_POINTS };
    return new Curve(await this._source.request('sample', { ...asked, low: low + shift, high: high + shift }));
  }

  dispose(): void {
    this._stop();
    for (const observer of [this._seen, this._themes, this._sizes]) {
      observer.disconnect();
    }
    window.clearTimeout(this._timer);
    this._charts.forEach(chart => chart.dispose());
  }

  // --- what comes --------------------------------------------------------------------------------------------------

  private _take(news: ISeriesNews[]): void {
    for (const one of news) {
      const known = this._curves.get(one.id);
      if (known) {
        known.take(one);
      } else {
        this._add(new Curve(one));
      }
      const curve = this._curves.get(one.id) as Curve;
      this.look.began = Math.min(this.look.began, curve.began);
      this._dirty.add(this._chartOf.get(one.id) as Chart);
    }
    this._later();
  }

  private _add(curve: Curve): void {
    this._curves.set(curve.id, curve);
    if (isEpoch(curve)) {
      this.look.epoch = curve;
      this._epoch.hidden = false;
    }
    const isMachine = curve.source === 'system';
    const key = `${isMachine}/${family(curve.name)}`;
    let chart = this._charts.get(key);
    if (!chart) {
      chart = new Chart(family(curve.name), this);
      chart.behind = this._behindOf(key);
      this._charts.set(key, chart);
      this._place(chart, isMachine);
    }
    chart.curves.push(curve);
    chart.renew();
    this._chartOf.set(curve.id, chart);
  }

  /** What is drawn behind a chart, by its key; nothing is behind those of the machine. */
  private _behindOf(key: string): IBehind[] {
    return this._behind.filter(({ curve }) => `false/${family(curve.name)}` === key);
  }

  private _place(chart: Chart, isMachine: boolean): void {
    if (isMachine) {
      this._machineCharts.append(chart.node);
      this._machine.hidden = false;
    } else {
      const first = this._own.querySelector('.jp-amltrain-chart:not(.jp-amltrain-first)');
      if (comesFirst(chart.family)) {
        chart.node.classList.add('jp-amltrain-first');
        this._own.insertBefore(chart.node, first);
      } else {
        this._own.append(chart.node);
      }
      this._own.hidden = this._bar.hidden = false;
      // Which are shown is decided for all at once, before the next drawing: a run may have ten thousand.
      chart.node.hidden = this._charts.size > this._offered;
      this._arranged = false;
    }
    this._chartAt.set(chart.node, chart);
    this._seen.observe(chart.node);
  }

  /** Another run in the same view: its curves are others. */
  private _belongsTo(run: string): void {
    if (this._run && run !== this._run) {
      this._charts.forEach(chart => {
        chart.dispose();
        chart.node.remove();
      });
      this._seen.disconnect();
      for (const known of [this._charts, this._curves, this._chartOf, this._dirty, this._visible]) {
        known.clear();
      }
      this.look.began = Infinity;
      this.look.epoch = null;
    }
    this._run = run;
  }

  // --- drawing -----------------------------------------------------------------------------------------------------

  private _see(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const chart = this._chartAt.get(target);
      if (chart && isIntersecting) {
        this._visible.add(chart);
        this._dirty.add(chart);
      } else if (chart) {
        this._visible.delete(chart);
      }
    }
    this._later();
  }

  /** Draw all anew, what is not seen once it is; JupyterLab shows nothing at the moment when its theme changes. */
  private _renew(): void {
    this._charts.forEach(chart => {
      chart.renew();
      this._dirty.add(chart);
    });
    this._later();
  }

  private _later(): void {
    if (!this._timer) {
      this._timer = window.setTimeout(() => {
        this._timer = 0;
        requestAnimationFrame(() => this._draw());
      }, REDRAW_MS);
    }
  }

  private _draw(): void {
    if (!this._arranged) {
      this._arrange();
    }
    const width = this.node.clientWidth;
    if (width !== this._width) {
      this._width = width;
      this._visible.forEach(chart => this._dirty.add(chart));
    }
    // All are measured before the first is drawn: after it, the page would have to be laid out for each.
    const seen = [...this._visible].filter(chart => this._dirty.has(chart)).map(chart => ({ chart, width: chart.width }));
    for (const { chart, width } of seen.filter(each => each.width)) {
      this._dirty.delete(chart);
      chart.draw(width);
    }
    say(this._machineNow, this._machine.hidden ? '' : this._summary());
  }

  /** The last value of the processor and of memory, for the closed group. */
  private _summary(): string {
    const parts = [...this._charts.entries()]
      .filter(([key]) => key.startsWith('true/'))
      .map(([, chart]) => `${chart.family} ${chart.lastText}`)
      .slice(0, 4);
    return visible(parts.join(' · '));
  }

  // --- what the user chooses ---------------------------------------------------------------------------------------

  private _tools(): HTMLElement {
    const axis = element('select', { 'aria-label': 'Horizontal axis' });
    for (const [value, text] of AXES) {
      const option = axis.appendChild(element('option', { value }, text));
      if (value === 'epoch') {
        this._epoch = option;
        option.hidden = true;
      }
    }
    axis.value = this.look.axis === 'epoch' ? 'step' : this.look.axis;
    axis.addEventListener('change', () => this._change({ axis: axis.value as Axis }));
    const smooth = element('input', { type: 'range', min: 0, max: 0.99, step: 0.01, value: this.look.smoothing, 'aria-label': 'Smoothing' });
    smooth.addEventListener('input', () => this._change({ smoothing: Number(smooth.value) }));
    const log = element('input', { type: 'checkbox' });
    log.checked = this.look.log;
    log.addEventListener('change', () => this._change({ log: log.checked }));
    this._filter.addEventListener('input', () => this._arrange());
    this._filter.hidden = true;
    this._bar.append(axis, element('label', {}, 'Smooth ', smooth), element('label', {}, log, ' Log scale'), this._filter);
    return this._bar;
  }

  private _change(look: Partial<ILook>): void {
    Object.assign(this.look, look);
    Object.assign(remembered, { axis: this.look.axis, smoothing: this.look.smoothing, log: this.look.log });
    this._charts.forEach(chart => chart.unzoom());
    this._renew();
    this._draw();
  }

  private _arrange(): void {
    this._arranged = true;
    const charts = Array.from(this._own.children, node => this._chartAt.get(node) as Chart);
    const wanted = this._filter.value.trim().toLowerCase();
    let shown = 0;
    let more = 0;
    for (const { node, curves } of charts) {
      const fits = curves.some(({ name }) => name.toLowerCase().includes(wanted));
      node.hidden = !fits || shown >= this._offered;
      shown += node.hidden ? 0 : 1;
      more += fits && node.hidden ? 1 : 0;
    }
    this._filter.hidden = charts.length < FILTER_FROM;
    this._more.hidden = !more;
    say(this._more, `Show more charts (${more.toLocaleString('en')})`);
  }

  private _showMore(): void {
    this._offered += AT_ONCE;
    this._arrange();
  }

  private readonly _bar = element('div', { class: 'chart-tools', role: 'group', 'aria-label': 'Charts' });
  private readonly _filter = element('input', { type: 'search', placeholder: 'Filter charts', 'aria-label': 'Filter charts by name' });
  private readonly _own = element('div', { class: 'charts' });
  private readonly _machineCharts = element('div', { class: 'charts' });
  private readonly _machineNow = muted();
  private readonly _more: HTMLButtonElement;
  private readonly _machine: HTMLDetailsElement;
  private readonly _charts = new Map<string, Chart>();
  private readonly _curves = new Map<number, Curve>();
  private readonly _chartOf = new Map<number, Chart>();
  private readonly _chartAt = new WeakMap<Element, Chart>();
  private readonly _dirty = new Set<Chart>();
  private readonly _visible = new Set<Chart>();
  private readonly _seen: IntersectionObserver;
  private readonly _themes: MutationObserver;
  private readonly _sizes: ResizeObserver;
  private readonly _stop: () => void;
  private _epoch!: HTMLOptionElement;
  private _behind: IBehind[] = [];
  private _offered = AT_ONCE;
  private _timer = 0;
  private _width = 0;
  private _arranged = true;
  private _run = '';
}

/** Whether a curve tells which epoch it was. */
function isEpoch(curve: Curve): boolean {
  return curve.name === 'epoch' && curve.rank === 0;
}
