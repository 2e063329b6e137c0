import { element, muted } from '../dom';
import { visible } from '../format';
import { IStyle, PLAIN } from './style';
import type { ILine } from './terminal';
import { size } from '../format';

/** How much of a line is in the page; more is seen when it is opened. */
const SHOWN = 2_000;

/** A line of the log as an element; what a search looks for is marked. */
export function row(line: ILine, search: RegExp | null): HTMLElement {
  if (line.gapEnd !== undefined) {
    const text = `… ${size(line.gapEnd - line.start)} not shown; click to read`;
    return element('div', { class: 'log-row log-gap', role: 'button', tabindex: -1 }, text);
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
  const names: string[] = [];
  const [fg, bg] = style.inverse ? [style.bg ?? 'bg', style.fg ?? 'fg'] : [style.fg, style.bg];
  paint(made, names, 'color', 'fg', fg);
  paint(made, names, 'background', 'bg', bg);
  for (const name of ['bold', 'dim', 'italic', 'underline'] as const) {
    if (style[name]) {
      names.push(`jp-amltrain-ansi-${name}`);
    }
  }
  made.className = names.join(' ');
  return made;
}

function paint(made: HTMLElement, names: string[], property: 'color' | 'background', kind: string, colour: number | string | null): void {
  if (typeof colour === 'number') {
    names.push(`jp-amltrain-ansi-${kind}${colour}`);
  } else if (colour === 'fg' || colour === 'bg') {
    made.style[property] = `var(--amltrain-${colour})`;
  } else if (colour) {
    made.style[property] = colour;
    if (property === 'color') {
      names.push('jp-amltrain-ansi-own');
    }
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
