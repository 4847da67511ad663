import type { Clock } from '../lib/clock.ts';
import { parseHttpDate } from '../lib/http-date.ts';
import type { UpstreamHeaders } from './message.ts';

/** Longer waits are capped at this. */
const LONGEST_MS = 24 * 3_600_000;

/** `Retry-After` in milliseconds, from seconds or a date (RFC 9110 section 10.2.3); undefined if it is missing or invalid. */
export function readRetryAfter(headers: UpstreamHeaders, clock: Clock): number | undefined {
  const text = headers['retry-after']?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Math.min(LONGEST_MS, Number(text) * 1_000);
  const date = parseHttpDate(text);
  return date === undefined ? undefined : Math.min(LONGEST_MS, Math.max(0, date - clock.wall()));
}
