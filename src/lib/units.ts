const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const SIZE = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)$/;
const MILLISECONDS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Record<string, number> = { B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 };

function parse(text: string, pattern: RegExp, units: Record<string, number>): number | undefined {
  const [, amount, unit] = pattern.exec(text) ?? [];
  const factor = units[unit ?? ''];
  return factor === undefined ? undefined : Math.round(Number(amount) * factor);
}

/** Milliseconds in a duration such as `500ms`, `30s`, `5m`, `24h` or `7d`; undefined for anything else. */
export const parseDuration = (text: string): number | undefined => parse(text, DURATION, MILLISECONDS);

/** Bytes in a size such as `512KiB` or `64MiB`; undefined for anything else. */
export const parseSize = (text: string): number | undefined => parse(text, SIZE, BYTES);
