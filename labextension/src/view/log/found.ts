import { button, element, replace, say, sentence } from '../dom';
import { visible } from '../format';
import type { IRunSource } from '../source';

const MATCHES = 1000;
const LISTED = 200;
const PAUSE_MS = 250;

/** What a search needs of the log that it searches. */
export interface ISearched {
  file(): string;
  go(offset: number): Promise<void>;
  redraw(): void;
}

type Match = { offset: number; line: string };

/** Search in the whole log, and a filter for lines that look like warnings or errors. */
export class Found {
  readonly node: HTMLElement;
  /** The lines that the filter lets through. */
  readonly list = element('ol', { class: 'log-found', 'aria-label': 'Lines of that level' });
  /** What is looked for, to be marked in the lines. */
  pattern: RegExp | null = null;

  constructor(
    private readonly _source: IRunSource,
    private readonly _log: ISearched
  ) {
    this._regex = toggle('.*', 'Regular expression', () => this._search());
    this._case = toggle('Aa', 'Match case', () => this._search());
    this._field.addEventListener('input', () => {
      window.clearTimeout(this._timer);
      this._timer = window.setTimeout(() => this._search(), PAUSE_MS);
    });
    this._field.addEventListener('keydown', event => {
      if (event.key === 'Enter') {
        event.preventDefault();
        event.stopPropagation(); // with Shift, too
        this._step(event.shiftKey ? -1 : 1);
      } else if (event.key === 'Escape') {
        this._field.value = '';
        this._search();
      }
    });
    this._level.addEventListener('change', () => this._filter());
    this._steps = element(
      'span',
      {},
      button('↑', () => this._step(-1), { 'aria-label': 'Previous match', class: 'link' }),
      button('↓', () => this._step(1), { 'aria-label': 'Next match', class: 'link' })
    );
    this.list.hidden = this._steps.hidden = true;
    this.node = element('span', { class: 'log-search' }, this._field, this._regex, this._case, this._count, this._steps, this._level);
  }

  dispose(): void {
    window.clearTimeout(this._timer);
  }

  private async _search(): Promise<void> {
    const text = this._field.value;
    this._matches = [];
    this._at = -1;
    this._steps.hidden = true;
    this.pattern = null;
    if (!text) {
      say(this._count, '');
      this._log.redraw();
      return;
    }
    try {
      const pressed = (each: HTMLElement) => each.getAttribute('aria-pressed') === 'true';
      this.pattern = new RegExp(
        pressed(this._regex) ? text : text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
        pressed(this._case) ? 'g' : 'gi'
      );
      const asked = { text, regex: pressed(this._regex), ignore_case: !pressed(this._case), level: '' as const };
      const { matches, complete } = await this._find(asked);
      if (this._field.value !== text) {
        return; // typed on meanwhile
      }
      this._matches = matches;
      this._more = complete ? '' : '+';
      this._steps.hidden = !matches.length;
      say(this._count, matches.length ? `${matches.length}${this._more}` : 'none');
    } catch (error) {
      say(this._count, error instanceof SyntaxError ? 'not a regular expression' : sentence(error));
    }
    this._log.redraw();
  }

  private _step(by: number): void {
    const count = this._matches.length;
    if (count) {
      this._at = (this._at + by + (this._at < 0 && by < 0 ? 1 : 0) + count) % count;
      say(this._count, `${this._at + 1} of ${count}${this._more}`);
      void this._log.go(this._matches[this._at].offset).catch(error => say(this._count, sentence(error)));
    }
  }

  private async _filter(): Promise<void> {
    const level = this._level.value as '' | 'error' | 'warning';
    this.list.hidden = !level;
    replace(this.list);
    if (!level) {
      return;
    }
    try {
      const { matches, complete } = await this._find({ text: '', regex: false, ignore_case: true, level });
      const rows = matches.slice(0, LISTED).map(match => element('li', {}, this._link(match)));
      const more = matches.length > LISTED || !complete;
      replace(this.list, ...rows, !rows.length && element('li', {}, 'No line looks like that.'), more && element('li', {}, 'and more'));
    } catch (error) {
      replace(this.list, element('li', {}, sentence(error)));
    }
  }

  private _link(match: Match): HTMLElement {
    return button(visible(match.line).slice(0, 300), () => this._log.go(match.offset), { class: 'link' });
  }

  private _find(asked: { text: string; regex: boolean; ignore_case: boolean; level: '' | 'error' | 'warning' }) {
    return this._source.request('find', { file: this._log.file(), ...asked, after: 0, limit: MATCHES });
  }

  private readonly _field = element('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search in the log' });
  private readonly _count = element('span', { class: 'muted', role: 'status' });
  private readonly _level = element(
    'select',
    { 'aria-label': 'Lines to list' },
    element('option', { value: '' }, 'All lines'),
    element('option', { value: 'warning' }, 'Warnings and errors'),
    element('option', { value: 'error' }, 'Errors')
  );
  private readonly _regex: HTMLButtonElement;
  private readonly _case: HTMLButtonElement;
  private readonly _steps: HTMLElement;
  private _matches: Match[] = [];
  private _at = -1;
  private _more = '';
  private _timer = 0;
}

/** A button that stays pressed until it is pressed again. */
export function toggle(text: string, title: string, changed: () => unknown): HTMLButtonElement {
  const made = element('button', { type: 'button', class: 'button', title, 'aria-label': title, 'aria-pressed': 'false' }, text);
  made.addEventListener('click', () => {
    made.setAttribute('aria-pressed', `${made.getAttribute('aria-pressed') !== 'true'}`);
    changed();
  });
  return made;
}
