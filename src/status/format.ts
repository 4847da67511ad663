/** Invisible characters and those that change how others are displayed: controls, bidirectional marks, line separators, lone surrogates. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

/** Prepares external text for display: invisible characters are spelled out, long text is truncated. Escaping is left to the template. */
export function visible(text: string, longest = 300): string {
  const cut = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return cut.replace(
    INVISIBLE,
    (character) => `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
  );
}

/** `1,234` */
export const count = (number: number): string => String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ',');

/** `640 B`, `12.4 KiB`, `64 MiB` */
export function bytes(size: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = size;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The two largest units, from ten minutes on without seconds: `42 s`, `1 min 20 s`, `12 min`, `3 h 5 min`, `2 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const inUnits = (large: number, largeUnit: string, small: number, smallUnit: string): string => {
    const rest = Math.floor((whole % large) / small);
    const first = `${Math.floor(whole / large)} ${largeUnit}`;
    return rest === 0 ? first : `${first} ${rest} ${smallUnit}`;
  };
  if (whole < MINUTE) return `${whole} s`;
  if (whole < 10 * MINUTE) return inUnits(MINUTE, 'min', 1, 's');
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min`;
  return whole < DAY ? inUnits(HOUR, 'h', MINUTE, 'min') : inUnits(DAY, 'd', HOUR, 'h');
}

/** `5 min ago`; both times are ISO 8601. */
export const ago = (at: string, now: string): string =>
  `${duration((Date.parse(now) - Date.parse(at)) / 1_000)} ago`;

/** `93 %`, or a dash if the whole is 0. */
export const percent = (part: number, whole: number): string =>
  whole === 0 ? '–' : `${Math.floor((100 * part) / whole)} %`;

/** A rate with significant digits only: `0.25`, `4.1`, `120`. */
export const rate = (number: number): string =>
  number === 0 ? '0' : number < 1 ? number.toFixed(2) : number < 10 ? number.toFixed(1) : count(number);
