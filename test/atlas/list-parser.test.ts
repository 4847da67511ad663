import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  concatItems,
  countItems,
  type Items,
  parseListBody,
  sliceItems,
} from '../../src/atlas/list-parser.ts';

const read = (items: Items): unknown[] =>
  JSON.parse(`[${sliceItems(items, 0, countItems(items)).toString()}]`);
const listOf = (body: string) => {
  const parsed = parseListBody(Buffer.from(body));
  if (parsed.type !== 'list') throw new Error(parsed.detail);
  return parsed;
};

describe('a page of a list', () => {
  test('is parsed like JSON.parse does, for any items and whitespace', () => {
    fc.assert(
      fc.property(
        fc.array(fc.json().map((text): unknown => JSON.parse(text))),
        fc.constantFrom(undefined, 1, '\t'),
        (results, space) => {
          const parsed = listOf(
            JSON.stringify({ links: [], results, totalCount: results.length }, null, space),
          );
          expect(read(parsed.items)).toEqual(results);
          expect(parsed.totalCount).toBe(results.length);
          expect(parsed.hasNext).toBe(false);
        },
      ),
    );
  });

  test('retains the bytes of its items: number formats, escapes and key order', () => {
    const items = ['{"b":1.0E+2,"a":-0}', '{"text":"\\u2028\\/ é"}', '9007199254740993'];
    const parsed = listOf(`{"results":[${items.join(' , ')}],"totalCount":3}`);
    expect(items.map((_item, index) => sliceItems(parsed.items, index, index + 1).toString())).toEqual(items);
  });

  test('truncated anywhere is invalid', () => {
    const whole =
      '{"links":[{"href":"x","rel":"next"}],"results":[{"a":[1,2.5e3,true,null,"é\\n"]},{}],"totalCount":2}';
    expect(listOf(whole).hasNext).toBe(true);
    for (let end = 0; end < whole.length; end++) {
      expect(parseListBody(Buffer.from(whole).subarray(0, end)), whole.slice(0, end)).toMatchObject({
        type: 'bad',
      });
    }
  });

  test.each([
    ['HTML', '<html></html>'],
    ['an array', '[]'],
    ['missing results', '{"links":[]}'],
    ['results that are not an array', '{"results":{}}'],
    ['duplicate results', '{"results":[],"results":[]}'],
    ['trailing bytes', '{"results":[]}x'],
    ['a trailing comma', '{"results":[1,]}'],
    ['a leading zero', '{"results":[01]}'],
    ['a bare word', '{"results":[nope]}'],
    ['a control character in a string', '{"results":["\u0001"]}'],
    ['an unknown escape', '{"results":["\\x"]}'],
    ['a negative count', '{"results":[],"totalCount":-1}'],
    ['excessive nesting', `{"results":[${'['.repeat(50_000)}]}`],
  ])('rejects %s', (_name, body) => {
    expect(parseListBody(Buffer.from(body))).toMatchObject({ type: 'bad' });
  });

  test.each([
    ['one item more than was requested', '{"results":[1,2,3,4]}', 'more than 3 items'],
    ['invalid JSON after too many items', '{"results":[1,2,3,4,', 'more than 3 items'],
    ['excessive links', `{"links":[${'{},'.repeat(30_000)}{}],"results":[]}`, 'links of 90004 bytes'],
  ])('is too large with %s', (_name, body, detail) => {
    expect(parseListBody(Buffer.from(body), 3)).toEqual({ type: 'too-large', detail });
  });

  test.each([
    ['as many items as were requested', '{"results":[1,2,3]}'],
    ['members with long names', `{"${'results'.repeat(1_000)}":[1,2,3,4],"results":[1]}`],
  ])('is accepted with %s', (_name, body) => {
    expect(parseListBody(Buffer.from(body), 3)).toMatchObject({ type: 'list' });
  });

  test.each(['1'.repeat(16), '1'.repeat(1_000_000)])('rejects a count of %s', (count) => {
    expect(parseListBody(Buffer.from(`{"results":[],"totalCount":${count}}`))).toMatchObject({ type: 'bad' });
  });

  test('rejects invalid UTF-8', () => {
    expect(
      parseListBody(Buffer.from([...Buffer.from('{"results":["'), 0xff, ...Buffer.from('"]}')])),
    ).toMatchObject({ type: 'bad' });
  });
});

test('concatenated pages can be sliced at any position', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.oneof(fc.integer(), fc.string()), { maxLength: 6 }), { maxLength: 5 }),
      fc.nat(30),
      fc.nat(30),
      (pages, from, length) => {
        const all = pages.flat();
        const items = concatItems(pages.map((results) => listOf(JSON.stringify({ results })).items));
        expect(countItems(items)).toBe(all.length);
        expect(JSON.parse(`[${sliceItems(items, from, from + length).toString()}]`)).toEqual(
          all.slice(from, from + length),
        );
      },
    ),
  );
});
