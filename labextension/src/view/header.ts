import type { IRunState } from '../wire';
import { append, button, copyText, element, replace, say } from './dom';
import { duration, runName, visible } from './format';
import { everySecond } from './clock';
import type { IRunSource } from './source';
import { isOver, tone } from './status';

/** What the header can have done besides what the source can. */
export interface IHeaderActions {
  rerun(options: string[]): Promise<void>;
  compare(): void;
  /** Put a text into a new cell of the notebook; false when the host has no way. */
  insertCell(text: string): boolean;
}

/** Name, state, time and place of a run, and the buttons. */
export class Header {
  readonly node: HTMLElement;

  constructor(
    private readonly _source: IRunSource,
    private readonly _actions: IHeaderActions
  ) {
    const failed = (why: string) => say(this._said, why);
    this._cancel = button('Cancel', () => this._canceled(), { title: 'End it; what it wrote is kept' }, failed);
    this._rerun = button('Rerun', () => this._actions.rerun([]), { title: 'Submit the same again' }, failed);
    this._menu = element(
      'details',
      { class: 'menu' },
      element('summary', { class: 'button', 'aria-label': 'More', title: 'More' }, '⋯'),
      element(
        'div',
        { class: 'menu-items' },
        button('Compare with …', () => this._compare()),
        button('Put the cell back', () => this._putBack(), {}, failed),
        button('Copy the run id', () => this._copied(), {}, failed)
      )
    );
    this._menu.addEventListener('keydown', event => {
      if (event.key === 'Escape') {
        this._close();
      }
    });
    this._menu.addEventListener('focusout', ({ relatedTarget: to }) => {
      if (to && !this._menu.contains(to as Node)) {
        this._menu.open = false;
      }
    });
    this.node = element(
      'div',
      { class: 'header' },
      this._name,
      this._chip,
      this._time,
      this._place,
      element('span', { class: 'buttons' }, this._cancel, this._rerun, this._menu)
    );
    append(this.node, this._said);
    this._stop = everySecond(() => this._source.connection !== 'lost' && this._tick());
  }

  update(state: IRunState, connected: boolean): void {
    if (this._state !== state) {
      this._state = state;
      this._ahead = Date.now() / 1000 - state.now;
    }
    say(this._name, visible(runName(state)));
    this._name.title = visible(state.run_id);
    say(this._chip, state.status);
    this._chip.className = `jp-amltrain-chip jp-amltrain-${tone(state.status)}`;
    const environment = state.environment || state.image;
    const gpus = state.gpus.length ? `GPU ${state.gpus.join(', ')}` : '';
    const nodes = state.nodes > 1 ? `${state.nodes} nodes` : '';
    const isolation = state.isolated ? '' : 'not isolated';
    replace(this._place, visible([state.target, environment, nodes, gpus, isolation].filter(Boolean).join(' · ')));
    this._place.title = visible(`${state.engine} ${state.image}`);
    this._cancel.hidden = !state.can_cancel;
    this._rerun.hidden = !state.can_rerun;
    const lost = connected ? '' : 'Needs the kernel';
    for (const each of [this._cancel, this._rerun]) {
      each.disabled = !connected;
      each.title = lost || each.title;
    }
    if (isOver(state)) {
      say(this._said, '');
    }
    this._tick();
  }

  dispose(): void {
    this._stop();
  }

  private _tick(): void {
    const state = this._state;
    if (!state) {
      return;
    }
    const now = Date.now() / 1000 - this._ahead;
    const spent = (state.ended ?? now) - (state.started ?? state.created);
    const reason = state.status === 'Running' || isOver(state) ? '' : state.reason;
    say(this._time, [duration(spent), visible(reason)].filter(Boolean).join(' · '));
  }

  private async _canceled(): Promise<void> {
    say(this._said, 'Canceling …');
    await this._source.request('cancel', {});
  }

  private async _putBack(): Promise<void> {
    this._close();
    const { cell } = await this._source.request('origin', {});
    if (this._actions.insertCell(cell)) {
      return;
    }
    await copyText(cell);
    say(this._said, 'Copied the cell; paste it where you want it.');
  }

  private async _copied(): Promise<void> {
    this._close();
    await copyText(this._state?.run_id ?? '');
    say(this._said, 'Copied.');
  }

  private _compare(): void {
    this._close();
    this._actions.compare();
  }

  private _close(): void {
    this._menu.open = false;
    this._menu.querySelector('summary')?.focus();
  }

  private readonly _name = element('span', { class: 'name' });
  private readonly _chip = element('span', { class: 'chip', role: 'status' });
  private readonly _time = element('span', { class: 'muted time' });
  private readonly _place = element('span', { class: 'muted place' });
  private readonly _said = element('span', { class: 'said', role: 'alert' });
  private readonly _cancel: HTMLButtonElement;
  private readonly _rerun: HTMLButtonElement;
  private readonly _menu: HTMLDetailsElement;
  private readonly _stop: () => void;
  private _state: IRunState | null = null;
  private _ahead = 0;
}
