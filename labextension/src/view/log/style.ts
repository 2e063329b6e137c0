/** How a piece of a log looks; colours are 0–15 of the theme, or a CSS colour. */
export interface IStyle {
  fg: number | string | null;
  bg: number | string | null;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  inverse: boolean;
}

export const PLAIN: IStyle = Object.freeze({
  fg: null,
  bg: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false
});

/** The style after an SGR sequence (`ESC [ … m`, ECMA-48 8.3.117, with xterm's colours); codes not known change nothing. */
export function styled(style: IStyle, parameters: string): IStyle {
  const codes = parameters.split(/[;:]/).map(Number);
  let next = { ...style };
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at];
    if (code === 0) {
      next = { ...PLAIN };
    } else if (code === 1 || code === 2) {
      next.bold = code === 1;
      next.dim = code === 2;
    } else if (code === 3 || code === 23) {
      next.italic = code === 3;
    } else if (code === 4 || code === 24) {
      next.underline = code === 4;
    } else if (code === 7 || code === 27) {
      next.inverse = code === 7;
    } else if (code === 22) {
      next.bold = next.dim = false;
    } else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes, at + 1);
      next[code === 38 ? 'fg' : 'bg'] = colour;
      at += used;
    } else if (code === 39 || code === 49) {
      next[code === 39 ? 'fg' : 'bg'] = null;
    } else {
      basic(next, code);
    }
  }
  return isPlain(next) ? PLAIN : next;
}

function basic(style: IStyle, code: number): void {
  const tens = Math.floor(code / 10);
  const colour = code % 10;
  if (colour > 7) {
    return;
  }
  if (tens === 3 || tens === 9) {
    style.fg = colour + (tens === 9 ? 8 : 0);
  } else if (tens === 4 || tens === 10) {
    style.bg = colour + (tens === 10 ? 8 : 0);
  }
}

function extended(codes: number[], at: number): [number | string | null, number] {
  if (codes[at] === 5) {
    return [indexed(codes[at + 1] ?? 0), 2];
  }
  if (codes[at] === 2) {
    const [red, green, blue] = [1, 2, 3].map(place => Math.min(255, Math.max(0, codes[at + place] || 0)));
    return [`rgb(${red} ${green} ${blue})`, 4];
  }
  return [null, 1];
}

/** Colour of the 256: 16 of the theme, a cube, a grey ramp. */
function indexed(index: number): number | string {
  if (index < 16) {
    return index;
  }
  if (index > 231) {
    const grey = 8 + 10 * (Math.min(index, 255) - 232);
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const level = (place: number) => {
    const step = Math.floor((index - 16) / place) % 6;
    return step ? 55 + 40 * step : 0;
  };
  return `rgb(${level(36)} ${level(6)} ${level(1)})`;
}

function isPlain(style: IStyle): boolean {
  return !(style.bold || style.dim || style.italic || style.underline || style.inverse) && style.fg === null && style.bg === null;
}
