import { hash } from 'node:crypto';
import { countItems, type Items, itemMember, sliceItems } from './list-parser.ts';

/**
 * 48 bits are exact in a double. That two of 10 000 items share a hash happens once in five million lists; it costs another walk, or an
 * item of a list that is merged across credentials.
 */
const HASH_DIGITS = 12;
const SEPARATOR = Buffer.from(',');

/** What tells an item apart: its identity fields, or all its bytes if it has none of them. */
function identifyingBytes(items: Items, index: number, fields: readonly string[]): Buffer {
  const members = fields.map((field) => itemMember(items, index, field));
  const [first] = members;
  if (members.every((member) => member === undefined)) return sliceItems(items, index, index + 1);
  if (first !== undefined && members.length === 1) return first;
  return Buffer.concat(
    members.flatMap((member) => (member === undefined ? [SEPARATOR] : [member, SEPARATOR])),
  );
}

const hashOf = (bytes: Buffer): number =>
  Number.parseInt(hash('sha256', bytes, 'hex').slice(0, HASH_DIGITS), 16);

/** A hash of what tells each item apart; a list of any length takes 8 bytes an item. */
export const identitiesOf = (items: Items, fields: readonly string[]): Float64Array =>
  Float64Array.from({ length: countItems(items) }, (_none, index) =>
    hashOf(identifyingBytes(items, index, fields)),
  );
