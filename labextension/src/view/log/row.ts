import { element, muted } from '../dom';
import { visible } from '../format';
import { IStyle, PLAIN } from './style';
import type { ILine } from './terminal';
import { size } from '../format';

/** How much of a line is in the page; more is seen when it is opened. */
export const SHOWN = 2_000;

/** A line of the log as an element; what a search looks for is marked. */
export function row(line: ILine, search: RegExp | null): HTMLElement {
  if (line.gapEnd !== undefined) {
    const text = `… ${size(line.gapEnd - line.start)} not shown; click to read`;
    return element('button', { type: 'button', class: 'link log-row log-gap' }, text);
  }
  const made = element('div', { class: 'log-row' });
  let room = SHOWN;
  for (const segment of line.segments ?? [{ text: line.text, style: PLAIN }]) {
    const text = visible(segment.text.slice(0, room));
    room -= text.length;
    const place = segment.style === PLAIN ? made : made.appendChild(painted(segment.style));
    mark(place, text, search);
    if (room <= 0) {
      break;
    }
  }
  const more = Math.max(0, line.text.length - SHOWN) + line.cut;
  if (more) {
    made.append(muted(` … ${size(more)} more in this line`));
  }
  return made;
}

function painted(style: IStyle): HTMLElement {
  const made = element('span');
  const [text, ground] = style.inverse ? [style.bg, style.fg ?? 'var(--amltrain-fg)'] : [style.fg, style.bg];
  paint(made, 'text', text);
  paint(made, 'ground', ground);
  for (const name of ['bold', 'dim', 'italic', 'underline'] as const) {
    made.classList.toggle(`jp-amltrain-ansi-${name}`, style[name]);
  }
  return made;
}

function paint(made: HTMLElement, what: 'text' | 'ground', colour: number | string | null): void {
  if (colour !== null) {
    const own = typeof colour === 'string';
    made.style.setProperty(`--amltrain-${what}`, own ? colour : `var(--amltrain-ansi${colour % 8})`);
    made.classList.add(`jp-amltrain-ansi-${own ? 'own-' : ''}${what}`);
  }
}

function mark(place: HTMLElement, text: string, search: RegExp | null): void {
  let from = 0;
  if (search) {
    search.lastIndex = 0;
    for (let match = search.exec(text); match && match[0]; match = search.exec(text)) {
      place.append(text.slice(from, match.index), element('mark', {}, match[0]));
      from = match.index + match[0].length;
    }
  }
  place.append(text.slice(from));
}
