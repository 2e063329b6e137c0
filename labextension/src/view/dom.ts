/** What `element` takes beside children: attributes, `on…` listeners, and properties that are set as they are. */
export interface IAttributes {
  class?: string;
  on?: { [event: string]: (event: Event) => void };
  [name: string]: string | number | boolean | null | undefined | { [event: string]: (event: Event) => void };
}

export type Child = Node | string | number | null | undefined | false;

/**
 * Make an element. Texts become text and never markup, so names and logs of other people are harmless.
 * Attributes that are null, undefined or false are left out.
 */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: IAttributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) {
      continue;
    }
    if (typeof value === 'object') {
      for (const [event, listener] of Object.entries(value)) {
        made.addEventListener(event, listener);
      }
    } else if (name === 'class') {
      made.className = value
        .toString()
        .split(' ')
        .map(part => `jp-amltrain-${part}`)
        .join(' ');
    } else {
      made.setAttribute(name, value === true ? '' : `${value}`);
    }
  }
  append(made, ...children);
  return made;
}

/** Something said beside. */
export function muted(...children: Child[]): HTMLElement {
  return element('span', { class: 'muted' }, ...children);
}

/** Text as it stands in a file, in a place that scrolls, also by keys. */
export function block(label: string, kind: string, ...lines: Child[]): HTMLElement {
  return element('pre', { class: kind, tabindex: 0, role: 'group', 'aria-label': label }, ...lines);
}

/** Put children at the end of a node. */
export function append(node: Node, ...children: Child[]): void {
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) {
      node.appendChild(child instanceof Node ? child : document.createTextNode(`${child}`));
    }
  }
}

/** Have a node hold just these; one that was there and has the focus keeps it. */
export function replace(node: Node, ...children: Child[]): void {
  const focused = document.activeElement as HTMLElement | null;
  node.textContent = '';
  append(node, ...children);
  if (node.contains(focused)) {
    focused?.focus();
  }
}

/** Set the text of a node when it is another one, so that nothing is laid out anew for nothing. */
export function say(node: Node, text: string): void {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

/** A button with a text; its action may fail, and then `failed` is told why, in a sentence. */
export function button(
  text: string,
  action: () => void | Promise<void>,
  attributes: IAttributes = {},
  failed?: (why: string) => void
): HTMLButtonElement {
  const made = element('button', { type: 'button', class: 'button', ...attributes }, text);
  made.addEventListener('click', () => {
    const done = made.ariaDisabled ? undefined : action();
    if (done) {
      made.ariaDisabled = 'true'; // `disabled` would take the focus away
      done
        .catch((error: unknown) => failed?.(sentence(error)))
        .finally(() => {
          made.ariaDisabled = null;
        });
    }
  });
  return made;
}

/** Keep keys that are pressed in a node from the notebook around it, which cuts the cell at an `x`; Shift-Enter still runs it. */
export function keepKeys(node: Element): void {
  node.addEventListener('keydown', event => {
    const { key, shiftKey, ctrlKey, metaKey, altKey } = event as KeyboardEvent;
    if (!(ctrlKey || metaKey || altKey || (shiftKey && key === 'Enter'))) {
      event.stopPropagation();
    }
  });
}

/** What went wrong, for a person. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}

/** Put text on the clipboard; where the browser does not let us, the old way. */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const focused = document.activeElement as HTMLElement | null;
    const field = element('textarea', { style: 'position:fixed;opacity:0' });
    field.value = text;
    document.body.appendChild(field);
    field.select();
    document.execCommand('copy');
    field.remove();
    focused?.focus();
  }
}

/** Give bytes to the user as a file. */
export function saveAs(name: string, parts: BlobPart[]): void {
  const address = URL.createObjectURL(new Blob(parts, { type: 'application/octet-stream' }));
  const link = element('a', { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
