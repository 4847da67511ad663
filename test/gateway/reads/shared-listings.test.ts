import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatItems } from '../../../src/atlas/list-parser.ts';
import { type CachedList, TOO_LONG } from '../../../src/gateway/reads/listing.ts';
import { createListingCodec } from '../../../src/gateway/reads/listing-codec.ts';

const itemsOf = (texts: readonly string[]) =>
  concatItems(
    texts.map((text) => ({
      bytes: Buffer.from(text),
      starts: Uint32Array.of(0, Buffer.byteLength(text) + 1),
    })),
  );
const listings: fc.Arbitrary<CachedList> = fc.oneof(
  fc.constant(TOO_LONG),
  fc
    .record({
      texts: fc.array(fc.string({ minLength: 1 }).map((text) => JSON.stringify(text))),
      whole: fc.boolean(),
    })
    .map(({ texts, whole }) => ({
      type: 'list' as const,
      revision: 0,
      items: itemsOf(texts),
      whole,
      offset: 0,
      totalCount: texts.length,
      hasMore: !whole,
      snapshot: 'abcdefghijkl',
      deprecationHeaders: { Sunset: 'Mon, 1 Mar 2027 00:00:00 GMT' },
    })),
);
const records = fc.record({
  project: fc.string(),
  operation: fc.string(),
  key: fc.string(),
  value: listings,
  loadedAt: fc.nat(),
  freshMs: fc.nat(),
  revalidateMs: fc.nat(),
  staleIfErrorMs: fc.nat(),
});

test('a listing written by another gateway reads as the same listing with a revision of this gateway', () => {
  fc.assert(
    fc.property(records, (record) => {
      const read = createListingCodec(() => 7).read(createListingCodec(() => 0).write(record));
      const value = record.value.type === 'list' ? { ...record.value, revision: 7 } : record.value;
      expect(read).toEqual({ ...record, value, bytes: expect.any(Number) });
    }),
  );
});

test('bytes that are not a listing read as undefined', () => {
  const codec = createListingCodec(() => 0);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(codec.read(Buffer.from(bytes))).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(records, fc.nat(), (record, cut) => {
      const written = codec.write(record);
      const read = codec.read(written.subarray(0, cut % Math.max(1, written.length - 1)));
      if (read?.value.type === 'list') expect(read.value.items.bytes.length).toBeLessThan(written.length);
    }),
  );
});
