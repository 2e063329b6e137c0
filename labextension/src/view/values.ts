import { element, muted, replace, say, sentence } from './dom';
import { number, visible } from './format';
import { readFile } from './outputs';
import type { IRunSource, IValue } from './source';
import type { ITabContent } from './tabs';

const IMAGES: { [ending: string]: string } = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp' };
const ROWS = 50;
const COLUMNS = 20;

/** Metrics that are no curves: texts, rows, tables, images. */
export class Values implements ITabContent {
  constructor(
    panel: HTMLElement,
    private readonly _source: IRunSource
  ) {
    panel.append(this._list, this._said);
  }

  refresh(): void {
    this._source.request('values', {}).then(
      ({ values }) => {
        const text = JSON.stringify(values);
        if (text === this._shown) {
          return;
        }
        this._shown = text;
        this._forget();
        replace(this._list, ...values.map(value => this._value(value)));
        say(this._said, values.length ? '' : 'No texts, tables or images were logged.');
      },
      error => say(this._said, sentence(error))
    );
  }

  dispose(): void {
    this._forget();
  }

  private _value(value: IValue): HTMLElement {
    const count = value.count > 1 ? `, ${value.count} times` : '';
    const about = `${value.source ? `${value.source}, ` : ''}${value.kind}${count}`;
    const title = element('figcaption', {}, visible(value.name), ' ', muted(about));
    return element('figure', { class: 'value' }, title, this._body(value));
  }

  private _body(value: IValue): HTMLElement {
    const type = IMAGES[value.file.split('.').pop()?.toLowerCase() ?? ''];
    if (value.file && type) {
      return this._image(value, type);
    }
    if (value.file) {
      return element('code', {}, visible(value.file));
    }
    const columns = asColumns(value.value);
    return columns ? table(columns) : element('code', { class: 'wrap' }, visible(text(value.value)));
  }

  private _image(value: IValue, type: string): HTMLElement {
    const image = element('img', { alt: `Image ${value.name}`, class: 'image' });
    readFile(this._source, value.file).then(
      parts => {
        image.src = URL.createObjectURL(new Blob(parts as BlobPart[], { type }));
        this._addresses.push(image.src);
      },
      error => image.replaceWith(sentence(error))
    );
    return image;
  }

  private _forget(): void {
    this._addresses.splice(0).forEach(address => URL.revokeObjectURL(address));
  }

  private readonly _list = element('div', { class: 'values' });
  private readonly _said = element('p', { class: 'muted', role: 'status' });
  private readonly _addresses: string[] = [];
  private _shown = '';
}

function asColumns(value: unknown): [string, unknown[]][] | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return null;
  }
  const columns = Object.entries(value).slice(0, COLUMNS);
  return columns.map(([name, cells]) => [name, Array.isArray(cells) ? cells : [cells]]);
}

function table(columns: [string, unknown[]][]): HTMLElement {
  const rows = Math.min(ROWS, Math.max(0, ...columns.map(([, cells]) => cells.length)));
  const body = Array.from({ length: rows }, (_, row) =>
    element('tr', {}, ...columns.map(([, cells]) => element('td', {}, row < cells.length && visible(text(cells[row])))))
  );
  const head = element('tr', {}, ...columns.map(([name]) => element('th', { scope: 'col' }, visible(name))));
  return element('div', { class: 'scroll' }, element('table', { class: 'table' }, element('thead', {}, head), element('tbody', {}, ...body)));
}

function text(value: unknown): string {
  if (typeof value === 'number') {
    return number(value);
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
