import { element, replace, say } from './dom';

/** One tab: its panel is made when it is first opened. */
export interface ITab {
  id: string;
  title: string;
  open(panel: HTMLElement): ITabContent;
}

export interface ITabContent {
  /** Called when the run has changed while the tab is open, and when it is opened again. */
  refresh?(): void;
  dispose?(): void;
}

let views = 0;

/** Tabs as the ARIA authoring practices have them: arrow keys go from one to the next. */
export class Tabs {
  readonly node: HTMLElement;

  constructor(tabs: ITab[]) {
    const prefix = `jp-amltrain-${++views}`;
    for (const tab of tabs) {
      const button = element('button', {
        type: 'button',
        role: 'tab',
        class: 'tab',
        id: `${prefix}-${tab.id}`,
        'aria-controls': `${prefix}-${tab.id}-panel`
      });
      const panel = element('div', {
        role: 'tabpanel',
        class: 'tab-panel',
        id: `${prefix}-${tab.id}-panel`,
        'aria-labelledby': button.id
      });
      button.textContent = tab.title;
      button.addEventListener('click', () => this.select(tab.id));
      this._tabs.set(tab.id, { tab, button, panel, content: null });
    }
    const entries = [...this._tabs.values()];
    const list = element('div', { role: 'tablist', class: 'tab-list' }, ...entries.map(entry => entry.button));
    list.addEventListener('keydown', event => this._move(event));
    this.node = element(
      'div',
      { class: 'tabs' },
      element('div', { class: 'tab-bar' }, list),
      ...entries.map(entry => entry.panel)
    );
    this.select(tabs[0].id);
  }

  select(id: string): void {
    this._selected = id;
    for (const [name, entry] of this._tabs) {
      const chosen = name === id;
      entry.button.setAttribute('aria-selected', `${chosen}`);
      entry.button.tabIndex = chosen ? 0 : -1;
      entry.panel.hidden = !chosen;
      if (chosen && !entry.content) {
        replace(entry.panel);
        entry.content = entry.tab.open(entry.panel);
      }
      if (chosen) {
        entry.content?.refresh?.();
      }
    }
  }

  /** Change what a tab is called, for a number beside it. */
  rename(id: string, title: string): void {
    const entry = this._tabs.get(id);
    if (entry) {
      say(entry.button, title);
    }
  }

  /** Tell the open tab that the run has changed. */
  refresh(): void {
    this._tabs.get(this._selected)?.content?.refresh?.();
  }

  /** Forget what was in the tabs, as for another run. */
  reset(): void {
    for (const [name, entry] of this._tabs) {
      if (name !== 'log') {
        entry.content?.dispose?.();
        entry.content = null;
        replace(entry.panel);
      }
    }
    this.select(this._selected);
  }

  dispose(): void {
    this._tabs.forEach(entry => entry.content?.dispose?.());
  }

  private _move(event: KeyboardEvent): void {
    const names = [...this._tabs.keys()];
    const here = names.indexOf(this._selected);
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: names.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.select(names[(to + names.length) % names.length]);
      this._tabs.get(this._selected)?.button.focus();
    }
  }

  private readonly _tabs = new Map<
    string,
    { tab: ITab; button: HTMLButtonElement; panel: HTMLElement; content: ITabContent | null }
  >();
  private _selected = '';
}
