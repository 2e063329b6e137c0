import { button, element, muted, replace, say, sentence } from './dom';
import { moment, visible } from './format';
import type { IRequests, IRunSource } from './source';

type Compared = IRequests['compare']['reply']['runs'];

/** Choose runs whose curves are drawn behind this one's. */
export class Comparing {
  readonly node = element('div', { class: 'comparing' });

  constructor(
    private readonly _source: IRunSource,
    private readonly _draw: (runs: Compared) => void
  ) {
    this.node.hidden = true;
    this.node.addEventListener('keydown', event => {
      if (event.key === 'Escape') {
        this.show(this._ids).catch(() => undefined);
      }
    });
  }

  /** Show the runs of the same experiment, to be chosen from. */
  choose(): void {
    this._opener = document.activeElement as HTMLElement | null;
    this.node.hidden = false;
    replace(this.node, muted('Looking for runs …'));
    this._source.request('compare', { runs: [] }).then(
      ({ runs }) => this._offer(runs),
      error => replace(this.node, sentence(error))
    );
  }

  /** Draw these runs, by their ids. */
  async show(ids: string[]): Promise<void> {
    this._ids = ids;
    const { runs } = ids.length ? await this._source.request('compare', { runs: ids }) : { runs: [] };
    if (this._ids !== ids) {
      return; // others were asked for meanwhile
    }
    this._draw(runs);
    this.node.hidden = !runs.length;
    const drawn = runs.map(run =>
      element(
        'span',
        { class: 'compared' },
        visible(run.name),
        button('×', () => this.show(this._ids.filter(id => id !== run.run_id)), {
          'aria-label': `Do not draw ${run.name}`,
          class: 'link'
        })
      )
    );
    const focused = this.node.contains(document.activeElement);
    replace(this.node, muted('Drawn behind: '), ...drawn);
    if (focused) {
      (this.node.querySelector('button') ?? this._opener)?.focus();
    }
  }

  private _offer(runs: Compared): void {
    const boxes = runs.slice(0, 30).map(run => {
      const box = element('input', { type: 'checkbox', value: run.run_id });
      box.checked = this._ids.includes(run.run_id);
      return { box, label: element('label', {}, box, ` ${visible(run.name)} · ${run.status} · ${moment(run.created)}`) };
    });
    const said = element('span', { class: 'said', role: 'alert' });
    const chosen = () => boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
    replace(
      this.node,
      ...(boxes.length ? boxes.map(({ label }) => label) : ['There is no other run of this experiment yet.']),
      button('Draw', () => this.show(chosen()), {}, why => say(said, why)),
      button('Close', () => this.show(this._ids)),
      said
    );
    this.node.querySelector<HTMLElement>('input, button')?.focus();
  }

  private _ids: string[] = [];
  private _opener: HTMLElement | null = null;
}
