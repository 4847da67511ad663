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

/** The two largest units: `42 s`, `12 min`, `3 h 5 min`, `2 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const [large, small, unit] =
    hours < 24 ? [hours, minutes % 60, ['h', 'min']] : [Math.floor(hours / 24), hours % 24, ['d', 'h']];
  return small === 0 ? `${large} ${unit[0]}` : `${large} ${unit[0]} ${small} ${unit[1]}`;
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
