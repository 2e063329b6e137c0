import { button, element, muted, replace, saveAs, say, sentence } from './dom';
import { size, visible } from './format';
import type { IRunSource } from './source';
import type { ITabContent } from './tabs';

const DOWNLOAD_BYTES = 256e6;

/** Read a file of the run whole, piece by piece. */
export async function readFile(source: IRunSource, name: string, progress?: (done: number, all: number) => void): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for (let start = 0; ; ) {
    const { size: all, bytes } = await source.request('read_file', { name, start });
    parts.push(bytes);
    start += bytes.length;
    progress?.(start, all);
    if (start >= all || !bytes.length) {
      return parts;
    }
  }
}

/** What the run wrote into `outputs/` and `logs/`, to be downloaded. */
export class Outputs implements ITabContent {
  constructor(
    panel: HTMLElement,
    private readonly _source: IRunSource
  ) {
    panel.append(this._list, this._said);
  }

  refresh(): void {
    this._source.request('outputs', {}).then(
      ({ files, more }) => {
        const rows = files.map(file => this._row(file.name, file.size_bytes));
        if (rows.length !== this._rows.size || rows.some((row, at) => row !== this._list.rows[at])) {
          replace(this._list, ...rows);
        }
        this._rows = new Map(files.map((file, at) => [file.name, rows[at]]));
        say(this._said, more ? `${more.toLocaleString('en')} more files` : files.length ? '' : 'No files in outputs/ or logs/ yet.');
      },
      error => say(this._said, sentence(error))
    );
  }

  private _row(name: string, bytes: number): HTMLTableRowElement {
    const known = this._rows.get(name);
    if (known) {
      say(known.cells[1], size(bytes));
      return known;
    }
    const progress = muted();
    const download = button(
      'Download',
      async () => {
        const parts = await readFile(this._source, name, (done, all) => say(progress, `${Math.floor((100 * done) / (all || 1))} %`));
        saveAs(name.split('/').pop() || 'file', parts as BlobPart[]);
        say(progress, '');
      },
      { 'aria-label': `Download ${name}` },
      why => say(progress, why)
    );
    const how = bytes > DOWNLOAD_BYTES ? muted('large: take it from the folder of the run') : download;
    return element('tr', {}, element('td', {}, visible(name)), element('td', { class: 'number' }, size(bytes)), element('td', {}, how, ' ', progress));
  }

  private readonly _list = element('table', { class: 'table' });
  private _rows = new Map<string, HTMLTableRowElement>();
  private readonly _said = element('p', { class: 'muted', role: 'status' });
}
