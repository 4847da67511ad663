import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ExpectedValue, parseDocument } from '../../src/atlas/document-parser.ts';
import { renderDocument } from '../../src/atlas/document-renderer.ts';
import { rewriteLinks } from '../../src/atlas/links.ts';
import { sliceItems } from '../../src/atlas/list-parser.ts';

const objects = fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value));
const space = fc.stringMatching(/^[ \n\r\t]{0,3}$/);
const PLAIN = { envelope: false, pretty: false };

function textOf(body: string, expected: ExpectedValue = 'object'): string | undefined {
  const parsed = parseDocument(Buffer.from(body), expected);
  return parsed.type === 'document' ? sliceItems(parsed.items, 0, 1).toString() : undefined;
}

describe('a body', () => {
  test('that is an object is taken as it is, without the white space around it', () => {
    fc.assert(
      fc.property(objects, space, space, (text, before, after) => {
        expect(textOf(`${before}${text}${after}`)).toBe(text);
        expect(textOf(text, 'array')).toBeUndefined();
        expect(textOf(`[${text}]`, 'array')).toBe(`[${text}]`);
      }),
    );
  });

  test('that is a scalar is taken as it is', () => {
    const scalars = fc.oneof(fc.boolean(), fc.string(), fc.integer(), fc.constant(null));
    fc.assert(
      fc.property(scalars, space, space, (value, before, after) => {
        const text = JSON.stringify(value);
        expect(textOf(`${before}${text}${after}`, 'scalar')).toBe(text);
        expect(textOf(text)).toBeUndefined();
        expect(textOf(`[${text}]`, 'scalar')).toBeUndefined();
      }),
    );
    expect(textOf('{}', 'scalar')).toBeUndefined();
    expect(textOf('<html></html>', 'scalar')).toBeUndefined();
    expect(textOf('', 'scalar')).toBeUndefined();
  });

  test('that is cut, or has something behind it, is not', () => {
    fc.assert(
      fc.property(objects, fc.nat(), (text, at) => {
        expect(textOf(text.slice(0, at % text.length))).toBeUndefined();
        expect(textOf(`${text}${text}`)).toBeUndefined();
      }),
    );
  });

  test('that is not UTF-8 is not', () => {
    expect(parseDocument(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'object').type).toBe('bad');
  });

  test('that is nested deeper than any answer of Atlas is not', () => {
    const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    expect(textOf(nested(60))).toBe(nested(60));
    expect(textOf(nested(100))).toBeUndefined();
  });
});

describe('a document in an envelope', () => {
  test('is its content', () => {
    fc.assert(
      fc.property(objects, (text) => {
        const wrapped = renderDocument(Buffer.from(text), 'document', { ...PLAIN, envelope: true });
        expect(wrapped.toString()).toBe(`{"content":${text},"status":200}`);
      }),
    );
  });

  test('with results keeps its members and their order, with the status where the alphabet wants it', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/).filter((name) => name !== 'status'));
    fc.assert(
      fc.property(names, fc.jsonValue(), (members, value) => {
        const sorted = members.toSorted();
        const object = Object.fromEntries(sorted.map((name) => [name, value]));
        const text = Buffer.from(JSON.stringify(object));
        const rendered = renderDocument(text, 'unpaged-list', { ...PLAIN, envelope: true }).toString();
        const all = [...sorted, 'status'].toSorted();
        const expected = Object.fromEntries(all.map((name) => [name, name === 'status' ? 200 : value]));
        expect(rendered).toBe(JSON.stringify(expected));
      }),
    );
  });
});

test('links lead to what is served, whatever their host, and everything else stays as it is', () => {
  const target = { origin: 'https://gateway', isServed: (path: string) => path === '/api/atlas/v2/groups' };
  const rewrite = (text: string) => {
    const bytes = Buffer.from(text);
    return rewriteLinks(target, { bytes, starts: Uint32Array.of(0, bytes.length + 1) }).bytes.toString();
  };
  for (const [link, rewritten] of [
    ['http://localhost:8080/api/atlas/v2/groups', 'https://gateway/api/atlas/v2/groups'],
    [
      'https://cloud.mongodb.com/api/atlas/v2/groups?pageNum=2',
      'https://gateway/api/atlas/v2/groups?pageNum=2',
    ],
    ['https://cloud.mongodb.com/api/atlas/v2/nothing', 'https://cloud.mongodb.com/api/atlas/v2/nothing'],
    ['https://elsewhere.example/api/other', 'https://elsewhere.example/api/other'],
  ])
    expect(rewrite(`{"links":[{"href":"${link}"}]}`)).toBe(`{"links":[{"href":"${rewritten}"}]}`);
});
