import { countItems, type Items, itemMember } from '../../atlas/list-parser.ts';
import type { Listing } from './listing.ts';

/** Separates the parts of an id; a path parameter cannot contain it. */
const SEPARATOR = '\n';

const isNumber = (text: string) => /^[-\d]/.test(text);

/**
 * A member's value as it is written in a path: Atlas writes some ids as numbers in one place and as strings in another. A number is compared
 * as it is written, because two that differ beyond the precision of floating point numbers are two ids.
 */
function textOf(member: Buffer | undefined): string | undefined {
  const text = member?.toString();
  if (text === undefined || isNumber(text)) return text;
  const value: unknown = JSON.parse(text);
  return typeof value === 'string' ? value : undefined;
}

/** The id of an item; undefined if it has none of the fields. */
function idOf(items: Items, index: number, alternatives: readonly (readonly string[])[]): string | undefined {
  for (const fields of alternatives) {
    const parts = fields.map((field) => textOf(itemMember(items, index, field)));
    if (parts.every((part) => part !== undefined)) return parts.join(SEPARATOR);
  }
  return undefined;
}

/** Finds items of listings by their ids. */
export interface ElementIndex {
  /** The number of the only item with this id; undefined if there is none, or more than one. */
  find(listing: Listing, id: readonly string[]): number | undefined;
}

/**
 * `itemField`: the fields of an item that are its id, joined by `+`; alternatives, of which the first that an item has counts, by `|`. A listing
 * is indexed once, when an element of it is first read: the numbers of its items in the order of their ids, 4 bytes an item, which `bytesOf`
 * counts for every listing.
 */
export function createElementIndex(itemField: string): ElementIndex {
  const alternatives = itemField.split('|').map((fields) => fields.split('+'));
  const orders = new WeakMap<Listing, Uint32Array>();

  function orderOf(listing: Listing): Uint32Array {
    const known = orders.get(listing);
    if (known !== undefined) return known;
    const { items } = listing;
    const ids = Array.from({ length: countItems(items) }, (_none, index) => idOf(items, index, alternatives));
    const order = Uint32Array.from(ids.keys())
      .filter((index) => ids[index] !== undefined)
      .sort((one, other) => compare(ids[one], ids[other]));
    orders.set(listing, order);
    return order;
  }

  return {
    find(listing, parts) {
      const id = parts.join(SEPARATOR);
      const order = orderOf(listing);
      const idAt = (place: number) => idOf(listing.items, order[place] ?? 0, alternatives);
      let from = 0;
      for (let to = order.length; from < to; ) {
        const middle = (from + to) >>> 1;
        if (compare(idAt(middle), id) < 0) from = middle + 1;
        else to = middle;
      }
      const has = (place: number) => place < order.length && idAt(place) === id;
      return has(from) && !has(from + 1) ? order[from] : undefined;
    },
  };
}

const compare = (one = '', other = ''): number => (one < other ? -1 : one > other ? 1 : 0);
