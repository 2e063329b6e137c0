import { button, copyText, element, replace, saveAs, say, sentence } from '../dom';
import { size, visible } from '../format';
import { readFile } from '../outputs';
import type { ILogChunk, IRunSource } from '../source';
import type { ITabContent } from '../tabs';
import { Found, toggle } from './found';
import { LogModel } from './log_model';
import { row } from './row';
import { ROW, Wrapped } from './wrapped';

/** At both ends of a row, pixels. */
const PADDING = 24;
const AHEAD = 20;
const BLOCK_BYTES = 262_144;
const COPIED_BYTES = 8e6;

/**
 * A log: a window over the file that follows its end. Only the rows that are seen are in the page, and only some ten
 * thousand lines in memory; others are read from the file when somebody goes there.
 */
export class LogView implements ITabContent {
  readonly node: HTMLElement;

  constructor(private readonly _source: IRunSource) {
    const failed = (why: string) => say(this._said, why);
    this._found = new Found(_source, {
      file: () => this._model.file,
      go: offset => this.jumpTo(offset),
      redraw: () => this._later()
    });
    this._viewport.append(this._space);
    this._space.append(this._rows);
    this._follow = button('↓ Follow', () => this._followEnd());
    this._files.addEventListener('change', () => this.show(this._files.value));
    this.node = element(
      'div',
      { class: 'log' },
      element(
        'div',
        { class: 'log-tools', role: 'group', 'aria-label': 'Log' },
        this._files,
        this._found.node,
        toggle('↩', 'Wrap long lines', () => this._wrap()),
        button('First error', () => this.firstError(), {}, failed),
        button('Copy', () => this._copy(), {}, failed),
        button('Download', () => this._download(), {}, failed),
        this._follow
      ),
      this._found.list,
      this._above,
      this._empty,
      this._viewport,
      this._said
    );
    this._viewport.addEventListener('scroll', () => this._scrolled());
    this._viewport.addEventListener('scrollend', () => void (this._scrolling = false));
    this._viewport.addEventListener('click', event => this._clicked(event));
    this._observer = new ResizeObserver(() => this._later());
    this._observer.observe(this._viewport);
    this._stop = _source.subscribe({ log: chunk => this._take(chunk), state: () => this.refresh() });
    this.refresh();
  }

  /** Follow another log. */
  show(file: string): void {
    this._model.reset(file);
    this._following = true;
    this._source.followLog(file);
    this._later();
  }

  /** Show the line that an offset of the file lies in. */
  async jumpTo(offset: number): Promise<void> {
    const known = this._model.lines[this._model.lineAt(offset)];
    if (!known || known.gapEnd !== undefined) {
      const start = Math.max(0, offset - BLOCK_BYTES / 2);
      this._model.jump(await this._source.request('read_log', { file: this._model.file, start, end: start + BLOCK_BYTES }));
    }
    this._following = false;
    const line = this._model.lineAt(offset);
    this._marked = this._model.lines[line]?.start ?? -1;
    this._draw();
    this._viewport.scrollTop = this._topOf(Math.max(0, this._wrapped ? line : line - 3));
    this._later();
  }

  /** Go to the first line of the whole log that looks like an error. */
  async firstError(): Promise<void> {
    const content = { file: this._model.file, text: '', regex: false, ignore_case: true, after: 0, limit: 1 };
    const { matches } = await this._source.request('find', { ...content, level: 'error' });
    if (matches.length) {
      say(this._said, '');
      await this.jumpTo(matches[0].offset);
    } else {
      say(this._said, 'No line looks like an error.');
    }
  }

  refresh(): void {
    const { run_id = '', logs = [] } = this._source.state ?? {};
    if (this._run && run_id !== this._run) {
      this._model.reset('');
      this._following = true;
    }
    this._run = run_id;
    const names = logs.map(log => log.name);
    if (names.join('\n') !== this._names) {
      this._names = names.join('\n');
      replace(this._files, ...names.map(name => element('option', { value: name }, visible(name.split('/').pop() ?? name))));
      this._files.hidden = names.length < 2;
    }
    this._files.value = this._model.file;
    this._later();
  }

  dispose(): void {
    this._stop();
    this._found.dispose();
    this._observer.disconnect();
    cancelAnimationFrame(this._frame);
  }

  // --- what comes --------------------------------------------------------------------------------------------------

  private _take(chunk: ILogChunk): void {
    const another = chunk.file !== this._model.file;
    const before = this._model.lines.length;
    this._model.add(chunk);
    if (another) {
      this._following = true;
      this._files.value = chunk.file;
    } else if (!this._following) {
      this._new += Math.max(0, this._model.lines.length - before);
    }
    this._later();
  }

  private _later(): void {
    if (!this._frame) {
      this._frame = requestAnimationFrame(() => {
        this._frame = 0;
        this._draw();
      });
    }
  }

  // --- drawing -----------------------------------------------------------------------------------------------------

  private _draw(): void {
    const { lines, dropped } = this._model;
    if (dropped) {
      this._model.dropped = 0;
      if (!this._following) {
        this._viewport.scrollTop -= this._topOf(dropped);
      }
    }
    const height = this._viewport.clientHeight;
    if (!height) {
      return; // hidden: drawn when it is seen
    }
    this._wrapped?.layOut(lines, this._columns());
    this._stretch();
    const first = Math.max(0, this._lineAtTop() - AHEAD);
    const last = Math.min(lines.length, first + Math.ceil(height / ROW) + 2 * AHEAD);
    const made: HTMLElement[] = [];
    for (let at = first; at < last; at++) {
      const line = row(lines[at], this._found.pattern);
      line.dataset.line = `${at}`;
      if (lines[at].start === this._marked) {
        line.classList.add('jp-amltrain-log-marked');
      }
      made.push(line);
    }
    // What somebody has selected stays, as long as it is there.
    if (!this._selecting()) {
      const focused = document.activeElement as HTMLElement;
      const line = this._rows.contains(focused) ? focused.dataset.line : undefined;
      this._rows.replaceChildren(...made);
      if (this._wrapped?.learn(lines.slice(first, last), made)) {
        this._settle(this._wrapped);
      }
      this._rows.style.transform = `translateY(${this._topOf(first)}px)`;
      made.find(each => each.dataset.line === line)?.focus({ preventScroll: true });
    }
    this._tell();
  }

  /** Have room for all lines; the end stays in sight while it is followed. */
  private _stretch(): void {
    const pixels = this._topOf(this._model.lines.length);
    this._space.style.height = `${pixels}px`;
    this._viewport.style.maxHeight = `calc(${pixels}px + 2em)`;
    if (this._following) {
      this._viewport.scrollTop = pixels;
    }
    // What we have moved ourselves is not somebody scrolling up.
    this._lastTop = this._viewport.scrollTop;
  }

  /** Where a line begins, in pixels. */
  private _topOf(line: number): number {
    return this._wrapped ? this._wrapped.topOf(line) : line * ROW;
  }

  /** The first line that is in sight. */
  private _lineAtTop(): number {
    const { scrollTop } = this._viewport;
    return this._wrapped ? this._wrapped.lineAt(scrollTop) : Math.floor(scrollTop / ROW);
  }

  /** Have the first line that is in sight stay where it is while others get their true heights. */
  private _settle(wrapped: Wrapped): void {
    const line = this._lineAtTop();
    const before = this._topOf(line);
    wrapped.layOut(this._model.lines, this._columns());
    this._stretch();
    // Who scrolls is not stopped by it.
    if (!this._following && !this._scrolling) {
      this._viewport.scrollTop += this._topOf(line) - before;
    }
    this._later();
  }

  private _columns(): number {
    return Math.max(1, Math.floor((this._viewport.clientWidth - PADDING) / this._characterWidth));
  }

  private _wrap(): void {
    const line = this._lineAtTop();
    const probe = element('span', {}, 'x'.repeat(100));
    this._rows.replaceChildren(element('div', { class: 'log-row' }, probe));
    this._characterWidth = probe.offsetWidth / 100;
    this._wrapped = this.node.classList.toggle('jp-amltrain-log-wraps') ? new Wrapped() : null;
    this._draw();
    if (!this._following) {
      this._viewport.scrollTop = this._topOf(line);
    }
  }

  private _tell(): void {
    const { start, size: all, lines } = this._model;
    say(this._above, start ? `${size(start)} above; scroll up to read` : '');
    this._above.hidden = !start;
    this._follow.hidden = this._following;
    say(this._follow, this._new ? `↓ Follow (${this._new.toLocaleString('en')} new)` : '↓ Follow');
    say(this._empty, lines.length || all ? '' : 'Nothing was printed yet.');
  }

  private _selecting(): boolean {
    const selection = document.getSelection();
    return !this._following && !!selection && !selection.isCollapsed && this._rows.contains(selection.anchorNode);
  }

  // --- moving ------------------------------------------------------------------------------------------------------

  private _scrolled(): void {
    const { scrollTop, clientHeight, scrollHeight } = this._viewport;
    this._scrolling = true;
    const atEnd = scrollTop + clientHeight >= scrollHeight - ROW;
    if (scrollTop < this._lastTop) {
      this._following = false;
    } else if (atEnd && this._model.following) {
      this._following = true;
      this._new = 0;
    }
    this._lastTop = scrollTop;
    if (scrollTop < 20 * ROW && this._model.start > 0) {
      void this._loadBefore();
    } else if (atEnd && !this._model.following) {
      void this._loadAfter();
    }
    this._later();
  }

  private async _loadBefore(): Promise<void> {
    await this._load(async () => {
      const { file, start } = this._model;
      const chunk = await this._source.request('read_log', { file, start: Math.max(0, start - BLOCK_BYTES), end: start });
      const count = this._model.before(chunk);
      this._draw();
      this._viewport.scrollTop += this._topOf(count);
      this._lastTop = this._viewport.scrollTop;
    });
  }

  private async _loadAfter(): Promise<void> {
    await this._load(async () => {
      const { file, end } = this._model;
      this._model.after(await this._source.request('read_log', { file, start: end, end: end + BLOCK_BYTES }));
      if (this._model.following) {
        this._source.followLog(file, this._model.end);
      }
    });
  }

  private async _load(read: () => Promise<void>): Promise<void> {
    if (this._loading) {
      return;
    }
    this._loading = true;
    try {
      await read();
    } catch (error) {
      say(this._said, sentence(error));
    } finally {
      this._loading = false;
      this._later();
    }
  }

  private _followEnd(): void {
    this._marked = -1;
    this._new = 0;
    this._following = true;
    if (this._model.following) {
      this._later();
    } else {
      this.show(this._model.file);
    }
  }

  private _clicked(event: Event): void {
    const place = (event.target as HTMLElement).closest<HTMLElement>('[data-line]');
    const line = place && this._model.lines[Number(place.dataset.line)];
    if (line && line.gapEnd !== undefined) {
      void this.jumpTo(line.start).then(() => this._viewport.focus());
    }
  }

  // --- taking along ------------------------------------------------------------------------------------------------

  private async _copy(): Promise<void> {
    if (this._model.size > COPIED_BYTES) {
      throw new Error(`The log is ${size(this._model.size)}, too large for the clipboard: download it.`);
    }
    const decoder = new TextDecoder();
    const parts = await readFile(this._source, this._model.file);
    await copyText(parts.map(part => decoder.decode(part, { stream: true })).join(''));
    say(this._said, 'Copied.');
  }

  private async _download(): Promise<void> {
    const parts = await readFile(this._source, this._model.file, (done, all) =>
      say(this._said, `Downloading ${Math.floor((100 * done) / (all || 1))} %`)
    );
    saveAs(this._model.file.split('/').pop() || 'log.txt', parts as BlobPart[]);
    say(this._said, '');
  }

  private readonly _model = new LogModel();
  private readonly _found: Found;
  private readonly _files = element('select', { 'aria-label': 'Which log' });
  private readonly _above = element('div', { class: 'log-above muted' });
  private readonly _viewport = element('div', { class: 'log-viewport', tabindex: 0, role: 'log', 'aria-live': 'off', 'aria-label': 'Log' });
  private readonly _space = element('div', { class: 'log-space' });
  private readonly _rows = element('div', { class: 'log-rows' });
  private readonly _empty = element('div', { class: 'log-said muted' });
  private readonly _said = element('div', { class: 'log-said muted', role: 'status' });
  private readonly _follow: HTMLButtonElement;
  private readonly _observer: ResizeObserver;
  private readonly _stop: () => void;
  private _following = true;
  private _scrolling = false;
  private _wrapped: Wrapped | null = null;
  private _characterWidth = 1;
  private _loading = false;
  private _frame = 0;
  private _lastTop = 0;
  private _new = 0;
  private _names = '';
  private _run = '';
  private _marked = -1;
}
