import { isUtf8 } from 'node:buffer';
import { parseBoundedJson } from '../lib/bounded-json.ts';
import { createPauses, runAtOnce, STEP_BYTES, type Steps } from '../lib/event-loop.ts';
import { isRecord } from '../lib/record.ts';
import {
  BAD,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipSpace,
  skipString,
  skipValue,
} from './json-scanner.ts';

/** Items of a list as the bytes that Atlas sent, joined by commas in one buffer, so that any range of items is one slice. */
export interface Items {
  readonly bytes: Buffer;
  /** The start of each item, plus a final element: the end of the buffer plus one. */
  readonly starts: Uint32Array;
}

/** A page of a list as Atlas sent it. `totalCount` is absent if Atlas omitted it; `hasNext`: the page links to a next page. */
export interface ListBody {
  readonly type: 'list';
  readonly items: Items;
  readonly totalCount?: number;
  readonly hasNext: boolean;
}

/** An invalid body: the problem and the byte where parsing stopped. */
export interface BadListBody {
  readonly type: 'bad';
  readonly detail: string;
}

/** A body that would take far more memory than any page of Atlas: the limit that it exceeds. */
export interface TooLargeListBody {
  readonly type: 'too-large';
  readonly detail: string;
}

/** The item limit if the requested page size is not known: more than any page of Atlas has. */
const MAX_PAGE_ITEMS = 10_000;
/** The links of a page take less than a kilobyte, its member names a few characters, its count a few digits. */
const MAX_LINKS_BYTES = 65_536;
const MAX_NAME_BYTES = 40;
const MAX_COUNT_DIGITS = 15;

/** Start and end of every item of the array that opens at `opening`, as a flat array; `bad` if it is not an array of JSON values. */
function* findItems(
  body: Buffer,
  opening: number,
  maxItems: number,
): Steps<{ ranges: number[]; end: number } | 'bad' | 'too-many'> {
  const pauseAfter = createPauses();
  if (body[opening] !== OPEN_BRACKET) return 'bad';
  const ranges: number[] = [];
  let at = skipSpace(body, opening + 1);
  if (body[at] === CLOSE_BRACKET) return { ranges, end: at + 1 };
  for (;;) {
    const end = skipValue(body, at, 2);
    if (end === BAD) return 'bad';
    if (ranges.length === 2 * maxItems) return 'too-many';
    ranges.push(at, end);
    yield* pauseAfter(end - at);
    at = skipSpace(body, end);
    if (body[at] === CLOSE_BRACKET) return { ranges, end: at + 1 };
    if (body[at] !== COMMA) return 'bad';
    at = skipSpace(body, at + 1);
  }
}

function joinItems(body: Buffer, ranges: readonly number[]): Items {
  const count = ranges.length / 2;
  const starts = new Uint32Array(count + 1);
  let size = count === 0 ? 0 : count - 1;
  for (let index = 0; index < ranges.length; index += 2)
    size += (ranges[index + 1] ?? 0) - (ranges[index] ?? 0);
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (index > 0) bytes[at++] = COMMA;
    starts[index] = at;
    at += body.copy(bytes, at, ranges[2 * index], ranges[2 * index + 1]);
  }
  starts[count] = size + 1;
  return { bytes, starts };
}

function linksToNext(links: unknown): boolean {
  return (
    Array.isArray(links) &&
    links.some((link) => typeof link === 'object' && link !== null && 'rel' in link && link.rel === 'next')
  );
}

/** A member name without its quotes; empty if it is longer than any name of interest. */
const shortName = (body: Buffer, opening: number, end: number): string =>
  end - opening > MAX_NAME_BYTES ? '' : body.toString('latin1', opening + 1, end - 1);

/**
 * Parses a page of a list with at most `maxItems` items. It validates the whole body as JSON, and locates and copies the items without
 * building other objects, so that the memory it needs in addition to the body is bounded for any input.
 */
export function* parseInSteps(
  body: Buffer,
  maxItems = MAX_PAGE_ITEMS,
): Steps<ListBody | BadListBody | TooLargeListBody> {
  const bad = (what: string, at: number): BadListBody => ({
    type: 'bad',
    detail: `${what} at byte ${at} of ${body.length}`,
  });
  if (!isUtf8(body)) return { type: 'bad', detail: 'not UTF-8' };
  let at = skipSpace(body, 0);
  if (body[at] !== OPEN_BRACE) return bad('not a JSON object', at);
  let items: Items | undefined;
  let totalCount: number | undefined;
  let hasNext = false;
  at = skipSpace(body, at + 1);
  if (body[at] === CLOSE_BRACE) return bad('missing results', at);
  for (;;) {
    const nameEnd = body[at] === QUOTE ? skipString(body, at) : BAD;
    if (nameEnd === BAD) return bad('invalid JSON', at);
    const name = shortName(body, at, nameEnd);
    at = skipSpace(body, nameEnd);
    if (body[at] !== COLON) return bad('invalid JSON', at);
    at = skipSpace(body, at + 1);
    const from = at;
    if (name === 'results') {
      const found = yield* findItems(body, at, maxItems);
      if (found === 'too-many') return { type: 'too-large', detail: `more than ${maxItems} items` };
      if (found === 'bad' || items !== undefined)
        return bad(items === undefined ? 'results is not an array' : 'duplicate results', at);
      items = joinItems(body, found.ranges);
      at = found.end;
    } else {
      at = skipValue(body, at, 1);
      if (at === BAD) return bad(`invalid JSON in ${JSON.stringify(name)}`, from);
      if (name === 'links' && at - from > MAX_LINKS_BYTES)
        return { type: 'too-large', detail: `links of ${at - from} bytes` };
      if (name === 'links') hasNext = linksToNext(JSON.parse(body.toString('utf8', from, at)));
      if (name === 'totalCount') {
        totalCount = Number(body.toString('latin1', from, Math.min(at, from + MAX_COUNT_DIGITS + 1)));
        if (at - from > MAX_COUNT_DIGITS || !Number.isSafeInteger(totalCount) || totalCount < 0)
          return bad('totalCount is not a valid count', from);
      }
    }
    at = skipSpace(body, at);
    if (body[at] === CLOSE_BRACE) break;
    if (body[at] !== COMMA) return bad('invalid JSON', at);
    at = skipSpace(body, at + 1);
  }
  if (skipSpace(body, at + 1) !== body.length) return bad('trailing bytes', at + 1);
  if (items === undefined) return bad('missing results', at);
  return { type: 'list', items, hasNext, ...(totalCount === undefined ? {} : { totalCount }) };
}

/** The same at once. */
export const parseListBody = (body: Buffer, maxItems?: number): ListBody | BadListBody | TooLargeListBody =>
  runAtOnce(parseInSteps(body, maxItems));

/** The number of items. */
export const countItems = (items: Items): number => items.starts.length - 1;

/** Concatenates the items of several pages. */
export function* concatInSteps(pages: readonly Items[]): Steps<Items> {
  const [only] = pages;
  if (only !== undefined && pages.length === 1) return only;
  const pauseAfter = createPauses();
  const filled = pages.filter((page) => countItems(page) > 0);
  const count = filled.reduce((sum, page) => sum + countItems(page), 0);
  const size = filled.reduce((sum, page) => sum + page.bytes.length, Math.max(0, filled.length - 1));
  const bytes = Buffer.allocUnsafeSlow(size);
  const starts = new Uint32Array(count + 1);
  let at = 0;
  let index = 0;
  for (const page of filled) {
    if (at > 0) bytes[at++] = COMMA;
    for (let item = 0; item < countItems(page); item++) starts[index++] = at + (page.starts[item] ?? 0);
    at += page.bytes.copy(bytes, at);
    yield* pauseAfter(page.bytes.length);
  }
  starts[count] = size + 1;
  return { bytes, starts };
}

/** The same at once. */
export const concatItems = (pages: readonly Items[]): Items => runAtOnce(concatInSteps(pages));

/** The bytes of items `from` (included) to `to` (excluded), joined by commas; a view, not a copy. */
export function sliceItems(items: Items, from: number, to: number): Buffer {
  const count = countItems(items);
  const first = Math.min(from, count);
  const last = Math.min(to, count);
  if (first >= last) return items.bytes.subarray(0, 0);
  return items.bytes.subarray(items.starts[first] ?? 0, (items.starts[last] ?? 0) - 1);
}

/** Items `from` (included) to `to` (excluded) of a list that has them; a view, not a copy. */
export function viewItems(items: Items, from: number, to: number): Items {
  if (from === 0 && to === countItems(items)) return items;
  const bytes = sliceItems(items, from, to);
  const offset = items.starts[from] ?? 0;
  const starts = new Uint32Array(to - from + 1);
  for (let index = from; index < to; index++) starts[index - from] = (items.starts[index] ?? 0) - offset;
  starts[to - from] = bytes.length + 1;
  return { bytes, starts };
}

/** The items in parts of about `STEP_BYTES`; views, not copies. */
export function partsOf(items: Items): readonly Items[] {
  const { starts } = items;
  const parts: Items[] = [];
  let from = 0;
  for (let to = 1; to <= countItems(items); to++) {
    const isLast = to === countItems(items);
    if (!isLast && (starts[to] ?? 0) - (starts[from] ?? 0) < STEP_BYTES) continue;
    parts.push(viewItems(items, from, to));
    from = to;
  }
  return parts;
}

/** A copy of the items at the given indexes, which must be in ascending order. */
export function pickItems(items: Items, indexes: readonly number[]): Items {
  return joinItems(
    items.bytes,
    indexes.flatMap((index) => [items.starts[index] ?? 0, (items.starts[index + 1] ?? 0) - 1]),
  );
}

/** The value of a member of an item, as JSON; undefined if the item is not an object or has no such member. */
export function itemMember({ bytes, starts }: Items, index: number, name: string): Buffer | undefined {
  const opening = starts[index] ?? 0;
  if (bytes[opening] !== OPEN_BRACE) return undefined;
  let at = skipSpace(bytes, opening + 1);
  while (bytes[at] === QUOTE) {
    const nameEnd = skipString(bytes, at);
    const found = shortName(bytes, at, nameEnd) === name;
    const from = skipSpace(bytes, skipSpace(bytes, nameEnd) + 1);
    const to = skipValue(bytes, from, 2);
    if (found) return bytes.subarray(from, to);
    at = skipSpace(bytes, to);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
  }
  return undefined;
}

/** Larger items are not parsed, because the resulting objects would take too much memory. */
const MAX_OBJECT_BYTES = 1_048_576;

/** An item as a JavaScript value; undefined for items over 1 MiB. */
export const itemValue = (items: Items, index: number): unknown =>
  parseBoundedJson(sliceItems(items, index, index + 1), MAX_OBJECT_BYTES);

/** The fields of an item; none for items over 1 MiB and for items that are not objects. */
export function itemFields(items: Items, index: number): Readonly<Record<string, unknown>> {
  const value = itemValue(items, index);
  return isRecord(value) ? value : {};
}
