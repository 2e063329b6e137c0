/** A time span as on a clock: `0.4 s`, `41 s`, `4:12`, `2:10:05`. */
export function duration(seconds: number): string {
  if (!(seconds >= 0.05)) {
    return '0 s';
  }
  if (seconds < 9.95) {
    return `${seconds.toFixed(1)} s`;
  }
  if (seconds < 59.5) {
    return `${Math.round(seconds)} s`;
  }
  const whole = Math.round(seconds);
  const two = (part: number) => `${part}`.padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A size as people write it, powers of 1000: `287 MB`. */
export function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (bytes >= 999.5 && unit < units.length - 1) {
    bytes /= 1000;
    unit++;
  }
  return `${unit && bytes < 9.95 ? bytes.toFixed(1) : Math.round(bytes)} ${bytes === 1 && !unit ? 'byte' : units[unit]}`;
}

/** A number as short as it says something: `0.0812`, `1.2e-5`, `12,345`. */
export function number(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e9) {
    return value.toLocaleString('en');
  }
  const far = Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4;
  return far ? value.toExponential(2) : `${Number(value.toPrecision(4))}`;
}

/** Date and time of day, as the reader's own clock has it. */
export function moment(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString();
}

/** How a run is called: its own name, else its experiment and the end of its id. */
export function runName(run: { display_name: string; experiment: string; run_id: string }): string {
  return run.display_name || `${run.experiment} …${run.run_id.slice(-4)}`;
}

/**
 * Text as it can be shown: what would reorder or hide the text around it stands there as a sign. So a name that ends in
 * "gpj.exe" reads as it is.
 */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, sign);
}

function sign(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : `⟨${code.toString(16).toUpperCase()}⟩`;
}
