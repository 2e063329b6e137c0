import type { IPhase, IRunState } from '../wire';
import { everySecond } from './clock';
import { element, replace } from './dom';
import { duration, visible } from './format';
import type { IRunSource } from './source';
import { isOver } from './status';

/** The way of a run, or the steps of a build, as a timeline: what took how long, where it is, what is to come. */
export class Phases {
  readonly node = element('ol', { class: 'phases', 'aria-label': 'Phases' });

  constructor(private readonly _source: IRunSource) {
    this._stop = everySecond(() => this._tick());
  }

  update(state: IRunState): void {
    if (this._state !== state) {
      this._state = state;
      this._ahead = Date.now() / 1000 - state.now;
    }
    this._draw(state);
  }

  dispose(): void {
    this._stop();
  }

  private _tick(): void {
    if (this._state && !isOver(this._state) && this._source.connection !== 'lost') {
      this._draw(this._state);
    }
  }

  private _draw(state: IRunState): void {
    const now = Date.now() / 1000 - this._ahead;
    replace(this.node, ...state.phases.filter(phase => phase.state !== 'skipped').map(phase => this._phase(phase, now)));
  }

  private _phase(phase: IPhase, now: number): HTMLElement {
    const spent = phase.begin === null ? null : (phase.end ?? now) - phase.begin;
    // A run of a day beside a start of a tenth of a second: both are to be seen.
    const share = 0.1 + Math.log1p(spent ?? 0) ** 2;
    const name = phase.name === 'run' ? 'running' : visible(phase.name);
    const text = spent === null ? name : `${name} ${duration(spent)}`;
    const attributes = { class: `phase ${phase.state}`, style: `flex-grow:${share}`, title: phase.note || text };
    const current = phase.state === 'now' && 'step';
    return element('li', { ...attributes, 'aria-current': current }, text, phase.note && ` · ${visible(phase.note)}`);
  }

  private readonly _stop: () => void;
  private _state: IRunState | null = null;
  private _ahead = 0;
}
