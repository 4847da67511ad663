import { createHash } from 'node:crypto';
import type { Items } from '../../atlas/list-parser.ts';
import { runAtOnce, STEP_BYTES, type Steps } from '../../lib/event-loop.ts';

/** Identifies a listing in links: derived from the items only, so that lists with equal items have equal ids. */
export function* identify({ bytes }: Items): Steps<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += STEP_BYTES) {
    if (at > 0) yield;
    hash.update(bytes.subarray(at, at + STEP_BYTES));
  }
  return hash.digest('base64url').slice(0, 12);
}

/** The same at once, for a page of a list. */
export const snapshotOf = (items: Items): string => runAtOnce(identify(items));
