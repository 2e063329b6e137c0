import type { ICause, IFailure, IFrame, IOption } from '../wire';
import { block, button, copyText, element, muted, replace, say, sentence } from './dom';
import { visible } from './format';
import type { IRunSource } from './source';

/** Why a run failed, where in the user's code, and what can be done about it. */
export class FailureCard {
  readonly node = element('section', { class: 'failure', 'aria-label': 'Why it failed' });

  constructor(
    private readonly _source: IRunSource,
    private readonly _rerun: (options: string[]) => Promise<void>
  ) {
    this.node.hidden = true;
    this.node.addEventListener('keydown', event => {
      if (event.key === 'Escape' && this._code.firstChild) {
        replace(this._code);
        this._opener?.focus();
      }
    });
  }

  update(failure: IFailure | null): void {
    const text = JSON.stringify(failure);
    if (text === this._shown) {
      return;
    }
    this._shown = text;
    this.node.hidden = !failure;
    replace(this.node);
    replace(this._code);
    if (failure) {
      this._fill(failure);
    }
  }

  private _fill(failure: IFailure): void {
    const words = failure.exit_words && muted(` ${failure.exit_words}`);
    this.node.append(element('p', {}, element('strong', {}, visible(failure.title)), words));
    failure.causes.forEach(cause => this.node.append(this._cause(cause)));
    if (failure.frames.length) {
      const frames = failure.frames.map(frame => this._frame(frame)).reverse();
      this.node.append(element('ol', { class: 'frames', 'aria-label': 'Your code, innermost first' }, ...frames), this._code);
    }
    if (failure.last_lines.length) {
      const lines = failure.last_lines.map(visible).join('\n');
      const title = failure.last_lines[failure.last_lines.length - 1];
      this.node.append(
        element(
          'details',
          {},
          element('summary', {}, muted('Last lines: '), visible(title).slice(0, 200)),
          block('Last lines', 'code', lines)
        )
      );
    }
    this.node.append(this._said);
    say(this._said, '');
  }

  private _frame(frame: IFrame): HTMLElement {
    const place = `${frame.file}:${frame.line}`;
    const where = frame.in_snapshot
      ? button(visible(place), () => this._show(frame), { class: 'link', title: 'Show the code' }, why => say(this._said, why))
      : visible(place);
    const cell = frame.cell_line === null ? null : muted(` cell line ${frame.cell_line}`);
    return element('li', {}, where, ' ', element('code', {}, visible(frame.code)), cell);
  }

  private async _show(frame: IFrame): Promise<void> {
    this._opener = document.activeElement as HTMLElement | null;
    const { first, lines } = await this._source.request('code', { file: frame.file, line: frame.line });
    const rows = lines.map((line, index) => {
      const here = first + index === frame.line;
      const text = `${`${first + index}`.padStart(5)}  ${visible(line)}\n`;
      return here ? element('mark', {}, text) : text;
    });
    replace(this._code, block(`${frame.file} around line ${frame.line}`, 'code', ...rows));
  }

  private _cause(cause: ICause): HTMLElement {
    const options = cause.options.map(option => this._option(option));
    return element('div', { class: 'cause' }, visible(cause.text), ' ', ...options);
  }

  private _option(option: IOption): HTMLElement {
    const failed = (error: unknown) => say(this._said, sentence(error));
    if (option.remedy === 'rerun') {
      return button(option.label, () => this._rerun(option.arguments), {}, failed);
    }
    return button(
      option.label,
      async () => {
        await copyText(option.text);
        replace(this._said, 'Copied: ', element('code', {}, visible(option.text)));
      },
      { title: option.text },
      failed
    );
  }

  private readonly _code = element('div');
  private readonly _said = element('div', { class: 'said', role: 'alert' });
  private _shown = 'null';
  private _opener: HTMLElement | null = null;
}
