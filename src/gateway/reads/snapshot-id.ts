import { createHash, type Hash } from 'node:crypto';
import type { Items } from '../../atlas/list-parser.ts';
import { TURN_BYTES, yieldToEventLoop } from '../../lib/event-loop.ts';

const toId = (hash: Hash) => hash.digest('base64url').slice(0, 12);

/** Identifies a listing in links: derived from the items only, so that lists with equal items have equal ids. */
export const snapshotOf = ({ bytes }: Items): string => toId(createHash('sha256').update(bytes));

/** The same for a list of any size: it does not block the event loop. */
export async function snapshotInTurns({ bytes }: Items): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += TURN_BYTES) {
    if (at > 0) await yieldToEventLoop();
    hash.update(bytes.subarray(at, at + TURN_BYTES));
  }
  return toId(hash);
}
