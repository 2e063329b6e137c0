import { everySecond } from '../view/clock';
import { element, keepKeys, replace, say } from '../view/dom';
import { duration, number, runName, visible } from '../view/format';
import { isOver, tone } from '../view/status';
import type { IRunGlance } from '../wire';
import { IModel as IHeard, LOSSES, LOST } from './comm_source';
import { tell } from './telling';

/** What we need of the model beside messages: the choice is kept in the kernel. */
interface IModel extends IHeard {
  set(name: string, value: string): void;
  save_changes(): void;
}

interface IShown {
  now: number;
  runs: IRunGlance[];
}

const COLUMNS = ['Run', 'State', 'Time', 'Metric', 'Target'];
const GONE = 'The kernel is gone; the runs go on without it. %aml_panel shows the panel again.';
const PAUSE_MS = 1000;
const SPARK_WIDTH = 96;
const SPARK_HEIGHT = 18;
const SVG = 'http://www.w3.org/2000/svg';

/** The newest runs of a workspace: one is chosen by a click or by keys, and what is seen is kept up to date. */
class RunsTable {
  readonly node: HTMLElement;

  constructor(private readonly _model: IModel) {
    const head = element('tr', {}, ...COLUMNS.map(title => element('th', { scope: 'col' }, title)));
    const table = element('table', { class: 'runs', 'aria-label': 'Runs' }, element('thead', {}, head), this._body);
    this.node = element('div', { class: 'runs-place' }, table, this._said);
    this._body.addEventListener('keydown', this._onKey);
    _model.on('change:shown', this._onNews);
    _model.on('change:chosen', this._draw);
    _model.on('change:trouble', this._draw);
    LOSSES.forEach(event => _model.on(event, this._onLoss));
    this.node.addEventListener(LOST, this._onLoss);
    this._observer.observe(this.node);
    document.addEventListener('visibilitychange', this._look);
    window.addEventListener('pagehide', this._leave);
    this._stop = everySecond(() => this._tick());
    this._draw();
  }

  dispose(): void {
    this._stop();
    this._observer.disconnect();
    window.clearTimeout(this._timer);
    document.removeEventListener('visibilitychange', this._look);
    window.removeEventListener('pagehide', this._leave);
    this._leave();
    this._model.off('change:shown', this._onNews);
    this._model.off('change:chosen', this._draw);
    this._model.off('change:trouble', this._draw);
    LOSSES.forEach(event => this._model.off(event, this._onLoss));
  }

  private get _shown(): IShown {
    return this._model.get('shown') as IShown;
  }

  private readonly _draw = (): void => {
    const chosen = this._model.get('chosen');
    const rows = this._shown.runs.map(run => {
      const row = this._rows.get(run.run_id) ?? new Row(run.run_id, () => this._choose(run.run_id));
      row.update(run, run.run_id === chosen);
      return [run.run_id, row] as const;
    });
    if (rows.some(([, row], place) => this._body.children[place] !== row.node) || rows.length < this._rows.size) {
      replace(this._body, ...rows.map(([, row]) => row.node));
    }
    this._rows = new Map(rows);
    this._tick();
    say(this._said, (this._model.get('trouble') as string) || (rows.length ? '' : 'No runs yet.'));
  };

  private _choose(runId: string): void {
    this._model.set('chosen', runId);
    this._model.save_changes();
  }

  private readonly _onKey = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const buttons = Array.from(this._body.querySelectorAll('button'));
    const place = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (step && place >= 0) {
      buttons[place + step]?.focus();
      event.preventDefault();
    }
  };

  private readonly _onNews = (): void => {
    this._draw();
    this._skew = this._shown.now - Date.now() / 1000;
    this._tick();
    this._asked = false;
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(this._look, PAUSE_MS);
  };

  private readonly _onLoss = (): void => say(this._said, GONE);

  private readonly _look = (): void => {
    if (this._seen && !document.hidden) {
      if (!this._asked) {
        this._say({ kind: 'look', fresh: this._fresh });
        this._asked = true;
        this._fresh = false;
      }
    } else {
      this._leave();
    }
  };

  private readonly _leave = (): void => {
    if (this._asked) {
      this._say({ kind: 'leave' });
      this._asked = false;
    }
  };

  private _say(content: object): void {
    try {
      this._model.send({ client: this._client, ...content });
    } catch {
      this._onLoss();
    }
  }

  private _tick(): void {
    if (this._seen) {
      this._rows.forEach(row => row.tick(Date.now() / 1000 + this._skew));
    }
  }

  private readonly _client = Math.random().toString(36).slice(2);
  private readonly _body = element('tbody');
  private readonly _said = element('p', { class: 'muted', role: 'status' });
  private readonly _observer = new IntersectionObserver(entries => {
    this._seen = entries[entries.length - 1].isIntersecting;
    this._tick();
    this._look();
  });
  private readonly _stop: () => void;
  private _rows = new Map<string, Row>();
  private _timer = 0;
  private _skew = 0;
  private _seen = false;
  private _asked = false;
  private _fresh = true;
}

class Row {
  readonly node: HTMLElement;

  constructor(runId: string, choose: () => void) {
    this._name = element('button', { type: 'button', class: 'run-name', title: `Show ${visible(runId)}` });
    this.node = element(
      'tr',
      {},
      element('th', { scope: 'row' }, this._name),
      element('td', {}, this._state),
      this._time,
      this._metric,
      this._target
    );
    // The whole row can be clicked; the button is there for keys and screen readers.
    this.node.addEventListener('click', choose);
  }

  update(run: IRunGlance, chosen: boolean): void {
    const before = this._run;
    this._run = run;
    this.node.classList.toggle('jp-amltrain-chosen', chosen);
    this._name.setAttribute('aria-pressed', `${chosen}`);
    say(this._name, visible(runName(run)));
    say(this._state, run.status);
    this._state.className = `jp-amltrain-state jp-amltrain-${tone(run.status)}`;
    this._state.title = run.reason;
    say(this._target, visible(run.target));
    if (!before || before.points.join() !== run.points.join() || before.value !== run.value) {
      replace(this._metric, sparkline(run.points), metricText(run));
    }
  }

  tick(now: number): void {
    const run = this._run;
    if (run) {
      const end = run.ended ?? (isOver(run) ? run.started : now);
      say(this._time, run.started === null || end === null ? '' : duration(Math.max(0, end - run.started)));
    }
  }

  private readonly _name: HTMLButtonElement;
  private readonly _state = element('span');
  private readonly _time = element('td', { class: 'number' });
  private readonly _metric = element('td');
  private readonly _target = element('td');
  private _run: IRunGlance | null = null;
}

function metricText(run: IRunGlance): string {
  return run.value === null ? '' : ` ${visible(run.metric)} ${number(run.value)}`;
}

/** A curve the size of a word; the value stands beside it in words. */
function sparkline(values: number[]): SVGElement | null {
  if (values.length < 2) {
    return null;
  }
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const points = values.map((value, place) => {
    const x = (place * SPARK_WIDTH) / (values.length - 1);
    const y = (1 - (value - low) / span) * (SPARK_HEIGHT - 2) + 1;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const svg = document.createElementNS(SVG, 'svg');
  const line = document.createElementNS(SVG, 'polyline');
  const size = { width: SPARK_WIDTH, height: SPARK_HEIGHT, 'aria-hidden': 'true', class: 'jp-amltrain-spark' };
  Object.entries(size).forEach(([name, value]) => svg.setAttribute(name, `${value}`));
  line.setAttribute('points', points.join(' '));
  svg.append(line);
  return svg;
}

export default {
  render({ model, el }: { model: IModel; el: HTMLElement }): () => void {
    const table = new RunsTable(model);
    el.append(table.node);
    el.addEventListener('amltrain:drawn', () => keepKeys(el.closest('.jp-amltrain-panel') ?? el));
    const end = tell(model, el);
    return () => {
      end();
      table.dispose();
    };
  }
};
