import { z } from 'zod';
import { countItems } from '../../atlas/list-parser.ts';
import type { SharedCodec } from '../../cluster/redis-tier.ts';
import { bytesOf, type CachedList, type Listing, TOO_LONG, TOO_LONG_BYTES } from './listing.ts';

/** A list in a form that other processes can read: with wall-clock time and durations, in milliseconds. */
export interface ListingRecord {
  readonly project: string;
  readonly operation: string;
  readonly key: string;
  readonly list: Omit<Listing, 'revision' | 'type'>;
  /** Wall-clock milliseconds of the load. */
  readonly loadedAt: number;
  readonly freshMs: number;
  readonly revalidateMs: number;
  readonly staleIfErrorMs: number;
}

const VERSION = 2;
const milliseconds = z.number().nonnegative();
const count = z.int().nonnegative();
const header = z.object({
  version: z.literal(VERSION),
  project: z.string(),
  operation: z.string(),
  key: z.string(),
  loadedAt: milliseconds,
  freshMs: milliseconds,
  revalidateMs: milliseconds,
  staleIfErrorMs: milliseconds,
  items: count,
  whole: z.boolean(),
  offset: count,
  totalCount: count.optional(),
  hasMore: z.boolean(),
  snapshot: z.string(),
  deprecationHeaders: z.record(z.string(), z.string()),
});

/** Format: length of the header (4 bytes), header as JSON, start of each item (4 bytes each), bytes of the items. */
export function writeListingRecord({ list, ...record }: ListingRecord): Buffer {
  const { items, ...rest } = list;
  const text = Buffer.from(
    JSON.stringify({ version: VERSION, ...record, ...rest, items: countItems(items) }),
  );
  const head = Buffer.alloc(4);
  head.writeUInt32LE(text.length);
  const starts = Buffer.alloc(items.starts.length * 4);
  for (const [index, start] of items.starts.entries()) starts.writeUInt32LE(start, index * 4);
  return Buffer.concat([head, text, starts, items.bytes]);
}

/** The list in a record; undefined if the record has another version or is inconsistent. */
export function readListingRecord(record: Buffer): ListingRecord | undefined {
  if (record.length < 4) return undefined;
  const headerEnd = 4 + record.readUInt32LE(0);
  let parsed: unknown;
  try {
    parsed = JSON.parse(record.toString('utf8', 4, headerEnd));
  } catch {
    return undefined;
  }
  const read = header.safeParse(parsed);
  if (!read.success) return undefined;
  const {
    project,
    operation,
    key,
    loadedAt,
    freshMs,
    revalidateMs,
    staleIfErrorMs,
    items,
    totalCount,
    ...rest
  } = read.data;
  const startsEnd = headerEnd + (items + 1) * 4;
  if (startsEnd > record.length) return undefined;
  const starts = new Uint32Array(items + 1);
  const size = record.length - startsEnd;
  for (let index = 0; index <= items; index++) {
    const start = record.readUInt32LE(headerEnd + index * 4);
    if (start > size + 1 || start < (starts[index - 1] ?? 0)) return undefined;
    starts[index] = start;
  }
  // Copied, because a view would keep the whole file in memory for as long as one of its lists is cached.
  const bytes = Buffer.allocUnsafeSlow(size);
  record.copy(bytes, 0, startsEnd);
  const { whole, offset, hasMore, snapshot, deprecationHeaders } = rest;
  const list = {
    items: { bytes, starts },
    whole,
    offset,
    hasMore,
    snapshot,
    deprecationHeaders,
    ...(totalCount === undefined ? {} : { totalCount }),
  };
  return { project, operation, key, loadedAt, freshMs, revalidateMs, staleIfErrorMs, list };
}

const LIST = 1;
const LONG = 2;
const longForm = z.object({
  project: z.string(),
  operation: z.string(),
  key: z.string(),
  loadedAt: z.number(),
  freshMs: z.number(),
  revalidateMs: z.number(),
  staleIfErrorMs: z.number(),
});

/** Encodes a listing as a record, and the marker of a list that is too long as short JSON. */
export function createListingCodec(nextRevision: () => number): SharedCodec<CachedList> {
  return {
    write({ value, ...record }) {
      switch (value.type) {
        case 'list': {
          const { revision: _revision, type: _type, ...list } = value;
          return Buffer.concat([Buffer.of(LIST), writeListingRecord({ ...record, list })]);
        }
        case 'long':
          return Buffer.concat([Buffer.of(LONG), Buffer.from(JSON.stringify(record))]);
      }
    },
    read(bytes) {
      const content = bytes.subarray(1);
      if (bytes[0] === LIST) {
        const record = readListingRecord(content);
        if (record === undefined) return undefined;
        const { list, ...rest } = record;
        return {
          ...rest,
          value: { type: 'list', revision: nextRevision(), ...list },
          bytes: bytesOf(list.items),
        };
      }
      if (bytes[0] !== LONG) return undefined;
      try {
        return { ...longForm.parse(JSON.parse(content.toString())), value: TOO_LONG, bytes: TOO_LONG_BYTES };
      } catch {
        return undefined;
      }
    },
  };
}
