import { createHash } from 'node:crypto';
import type { Items } from '../../atlas/list-parser.ts';

/** What links name to lead back to a listing: the same for lists with the same items, and made of nothing else. */
export const snapshotOf = ({ bytes }: Items): string =>
  createHash('sha256').update(bytes).digest('base64url').slice(0, 12);
