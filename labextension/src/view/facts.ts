import type { IRunState } from '../wire';
import { block, button, copyText, element, replace, say, sentence } from './dom';
import { moment, visible } from './format';
import type { IRunSource } from './source';
import type { ITabContent } from './tabs';

type Pairs = readonly (readonly [string, string])[];

/** Parameters, arguments and tags. */
export class Parameters implements ITabContent {
  constructor(
    private readonly _panel: HTMLElement,
    private readonly _source: IRunSource
  ) {}

  refresh(): void {
    const state = this._source.state;
    if (state) {
      const words = state.arguments.map(word => element('code', {}, visible(word)));
      replace(
        this._panel,
        section('Script', element('code', {}, visible(state.script)), ...words.flatMap(word => [' ', word])),
        state.parameters.length > 0 && section('Parameters', pairs(state.parameters)),
        state.tags.length > 0 && section('Tags', pairs(state.tags))
      );
    }
  }
}

/** What the run runs in. */
export class EnvironmentFacts implements ITabContent {
  constructor(
    private readonly _panel: HTMLElement,
    private readonly _source: IRunSource
  ) {}

  refresh(): void {
    const state = this._source.state;
    if (state) {
      replace(this._panel, pairs(facts(state)), ...state.notes.map(note => element('p', { class: 'muted' }, visible(note))));
    }
  }
}

/** The command that does the same by hand. */
export class Command implements ITabContent {
  constructor(
    private readonly _panel: HTMLElement,
    private readonly _source: IRunSource
  ) {}

  refresh(): void {
    if (this._asked) {
      return;
    }
    this._asked = true;
    this._source.request('origin', {}).then(
      ({ command }) => {
        const said = element('span', { class: 'muted', role: 'status' });
        const copy = button('Copy', async () => {
          await copyText(command);
          say(said, 'Copied.');
        });
        replace(this._panel, block('Command', 'code wrap', visible(command)), copy, ' ', said);
      },
      error => {
        this._asked = false;
        replace(this._panel, element('p', { class: 'muted', role: 'alert' }, sentence(error)));
      }
    );
  }

  private _asked = false;
}

function facts(state: IRunState): Pairs {
  const all: Pairs = [
    ['Environment', state.environment],
    ['Image', state.image],
    ['Engine', state.isolated ? state.engine : `${state.engine}, not isolated from this machine`],
    ['Target', state.target],
    ['GPUs', state.gpus.join(', ')],
    ['Run', state.run_id],
    ['Submitted', moment(state.created)],
    ['Started', state.started === null ? '' : moment(state.started)],
    ['Ended', state.ended === null ? '' : moment(state.ended)]
  ];
  return all.filter(([, value]) => value);
}

function section(title: string, ...body: (Node | string)[]): HTMLElement {
  return element('section', {}, element('h4', {}, title), ...body);
}

function pairs(rows: Pairs): HTMLElement {
  const body = rows.map(([name, value]) =>
    element('tr', {}, element('th', { scope: 'row' }, visible(name)), element('td', {}, visible(value)))
  );
  return element('table', { class: 'table facts' }, element('tbody', {}, ...body));
}
