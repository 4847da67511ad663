import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatItems } from '../../../src/atlas/list-parser.ts';
import {
  type ListingRecord,
  readListingRecord,
  writeListingRecord,
} from '../../../src/gateway/reads/listing-codec.ts';

const itemsOf = (texts: readonly string[]) =>
  concatItems(
    texts.map((text) => ({
      bytes: Buffer.from(text),
      starts: Uint32Array.of(0, Buffer.byteLength(text) + 1),
    })),
  );
const record = fc
  .record({
    texts: fc.array(
      fc.string({ minLength: 1 }).map((text) => JSON.stringify(text)),
      { maxLength: 20 },
    ),
    project: fc.string(),
    key: fc.string(),
    whole: fc.boolean(),
    totalCount: fc.option(fc.nat(), { nil: undefined }),
    age: fc.nat(),
  })
  .map(
    ({ texts, project, key, whole, totalCount, age }): ListingRecord => ({
      project,
      operation: 'listGroupClusters',
      key,
      loadedAt: age,
      freshMs: 1,
      revalidateMs: 2,
      staleIfErrorMs: 3,
      list: {
        items: itemsOf(texts),
        whole,
        offset: 0,
        hasMore: false,
        snapshot: 'abc',
        versionHeaders: { Sunset: 'Mon, 5 Aug 2024 00:00:00 GMT' },
        ...(totalCount === undefined ? {} : { totalCount }),
      },
    }),
  );

test('a record reads as it was written', () => {
  fc.assert(
    fc.property(record, (written) => {
      expect(readListingRecord(writeListingRecord(written))).toEqual(written);
    }),
  );
});

test('a truncated or changed record reads as undefined or as a consistent list', () => {
  fc.assert(
    fc.property(record, fc.nat(), fc.nat(255), (written, place, byte) => {
      const bytes = writeListingRecord(written);
      const cut = bytes.subarray(0, place % bytes.length);
      bytes[place % bytes.length] = byte;
      for (const broken of [cut, bytes]) {
        const { list } = readListingRecord(broken) ?? {};
        if (list === undefined) continue;
        expect(Math.max(...list.items.starts)).toBeLessThanOrEqual(list.items.bytes.length + 1);
      }
    }),
  );
});
