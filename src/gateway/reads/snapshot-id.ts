import { createHash } from 'node:crypto';
import type { Items } from '../../atlas/list-parser.ts';

/** Identifies a listing in links: derived from the items only, so that lists with equal items have equal ids. */
export const snapshotOf = ({ bytes }: Items): string =>
  createHash('sha256').update(bytes).digest('base64url').slice(0, 12);
