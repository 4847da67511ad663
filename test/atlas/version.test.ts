import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Operation, OperationVersion } from '../../src/atlas/catalog.ts';
import { resolveVersion } from '../../src/atlas/version.ts';
import { lists as operations } from '../support/lists.ts';

const TODAY = '2026-08-10';
const [first] = operations;
if (first === undefined) throw new Error('no operations');
const withVersions = (...versions: OperationVersion[]): Operation => ({ ...first, versions });
const ofDate = (name: string) => `application/vnd.atlas.${name}+json`;

const three = withVersions(
  { name: '2023-01-01', sunset: '2026-07-01' },
  { name: '2023-02-01', sunset: '2027-07-01' },
  { name: '2024-08-05' },
);
const previewed = withVersions({ name: '2025-03-12' }, { name: 'preview', sunset: '2026-09-14' });

/** The name of the version that an `Accept` header resolves to, or the type of another result. */
function outcome(operation: Operation, accept: string | undefined, today = TODAY): string {
  const resolved = resolveVersion(operation, accept, today);
  return resolved.type === 'resolved' ? resolved.version.name : resolved.type;
}

describe('a date', () => {
  test.each([
    ['2023-02-01', '2023-02-01', 'is the version of that day'],
    ['2023-02-02', '2023-02-01', 'is the newest version that is not after it'],
    ['2024-08-04', '2023-02-01', 'does not reach a version of the next day'],
    ['2024-08-05', '2024-08-05', 'is the newest version'],
    ['2999-12-31', '2024-08-05', 'of the far future is the newest version'],
    ['2024-02-29', '2023-02-01', 'may be a leap day'],
    ['2022-12-31', 'not-acceptable', 'before the first version is not acceptable'],
    ['2023-02-29', 'not-acceptable', 'must be in the calendar'],
    ['2100-02-29', 'not-acceptable', 'must be in the calendar of a century'],
    ['2023-02-31', 'not-acceptable', 'must be in its month'],
    ['2023-04-31', 'not-acceptable', 'must be in a month of thirty days'],
    ['2023-13-01', 'not-acceptable', 'must have a month'],
    ['2023-00-10', 'not-acceptable', 'must have a month from 1'],
    ['2023-05-00', 'not-acceptable', 'must have a day from 1'],
    ['2023-2-1', 'not-acceptable', 'must be written in full'],
    ['20230201', 'not-acceptable', 'must have its dashes'],
  ])('%s leads to %s: it %s', (date, version) => {
    expect(outcome(three, ofDate(date))).toBe(version);
  });

  test('resolves to the media type of the upstream request', () => {
    expect(resolveVersion(three, ofDate('2023-10-01'), TODAY)).toEqual({
      type: 'resolved',
      version: { name: '2023-02-01', sunset: '2027-07-01' },
      mediaType: 'application/vnd.atlas.2023-02-01+json',
    });
  });

  test('never resolves to the preview', () => {
    expect(outcome(previewed, ofDate('2999-01-01'))).toBe('2025-03-12');
    expect(outcome(withVersions({ name: 'preview' }), ofDate('2999-01-01'))).toBe('not-acceptable');
  });

  test('that is later never resolves to an older version, for any operation', () => {
    const day = fc
      .tuple(
        fc.integer({ min: 2022, max: 2028 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 28 }),
      )
      .map((parts) => parts.map((part) => String(part).padStart(2, '0')).join('-'));
    fc.assert(
      fc.property(fc.constantFrom(...operations), day, day, (operation, one, other) => {
        const [earlier, later] = one < other ? [one, other] : [other, one];
        const [before, after] = [earlier, later].map((date) =>
          outcome(operation, ofDate(date), '2022-01-01'),
        );
        if (before === 'not-acceptable') return;
        expect(after).not.toBe('not-acceptable');
        expect((after ?? '') >= (before ?? '')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('of every version of every operation resolves to that version', () => {
    for (const operation of operations) {
      for (const { name } of operation.versions)
        expect(outcome(operation, ofDate(name), '2022-01-01')).toBe(name);
    }
  });
});

describe('the preview', () => {
  test('is a separate version', () => {
    expect(outcome(previewed, ofDate('preview'))).toBe('preview');
    expect(outcome(three, ofDate('preview'))).toBe('not-acceptable');
  });

  test('has a sunset like any other', () => {
    expect(outcome(previewed, ofDate('preview'), '2026-09-14')).toBe('gone');
  });
});

describe('a sunset', () => {
  test.each([
    ['2026-06-30', '2023-01-01'],
    ['2026-07-01', 'gone'],
    ['2026-07-02', 'gone'],
  ])('on %s the version is %s', (today, expected) => {
    expect(outcome(three, ofDate('2023-01-01'), today)).toBe(expected);
  });

  test('names the version that is gone', () => {
    expect(resolveVersion(three, ofDate('2023-01-15'), TODAY)).toEqual({
      type: 'gone',
      version: { name: '2023-01-01', sunset: '2026-07-01' },
    });
  });

  test('makes the next requested version apply', () => {
    expect(outcome(three, `${ofDate('2023-01-01')}, ${ofDate('2023-02-01')};q=0.1`)).toBe('2023-02-01');
  });

  test('is reported in preference to an unknown date', () => {
    expect(outcome(three, `${ofDate('2020-01-01')}, ${ofDate('2023-01-01')}`)).toBe('gone');
  });
});

describe('an Accept header', () => {
  test.each([
    [undefined],
    [''],
    [','],
    ['*/*'],
    ['application/*'],
    ['application/json'],
    ['application/vnd.atlas.2023-02-01+csv'],
    ['application/vnd.atlas.2023-02-01+json+json'],
    ['application/vnd.atlas.2023-02-01'],
    ['application/vnd.atlas.+json'],
    ['text/vnd.atlas.2023-02-01+json'],
    ['application/vnd.atlas.2023-02-01+json;q=0'],
    ['application/vnd.atlas.2023-02-01+json;q=0.000'],
    ['application/vnd.atlas.2023-02-01+json;q=-1'],
    ['application/vnd.atlas.2023-02-01+json;q=high'],
    ['application/json;note="application/vnd.atlas.2023-02-01+json"'],
    ['text/plain;note="a, application/vnd.atlas.2023-02-01+json"'],
    ['text/plain;note="a\\", application/vnd.atlas.2023-02-01+json"'],
    ['text/plain;note="never closed, application/vnd.atlas.2023-02-01+json'],
  ])('%j names no version that can be had', (accept) => {
    expect(outcome(three, accept)).toBe('not-acceptable');
  });

  test.each([
    ['APPLICATION/VND.ATLAS.2023-02-01+JSON', '2023-02-01', 'in capitals'],
    ['  application/vnd.atlas.2023-02-01+json  ', '2023-02-01', 'with surrounding whitespace'],
    ['application/vnd.atlas.2023-02-01+json;charset=utf-8', '2023-02-01', 'with a parameter'],
    ['application/vnd.atlas.2023-02-01+json ; Q=0.5', '2023-02-01', 'with a weight in capitals'],
    [
      'application/vnd.atlas.2023-02-01+json;a="x;q=0, y"',
      '2023-02-01',
      'with a weight inside a quoted string',
    ],
    ['*/*, application/vnd.atlas.2023-02-01+json;q=0.1', '2023-02-01', 'after a range without a version'],
    [', ,application/vnd.atlas.2023-02-01+json', '2023-02-01', 'after empty members'],
    ['application/vnd.atlas.2023-02-01+json;q=', '2023-02-01', 'with an empty weight, which counts as none'],
    ['application/vnd.atlas.2023-02-01+json;q=0.1234', '2023-02-01', 'with a weight of too many digits'],
    [`${ofDate('2023-02-01')}, ${ofDate('2024-08-05')}`, '2023-02-01', 'of equal weight, in the order given'],
    [
      `${ofDate('2023-02-01')};q=0.5, ${ofDate('2024-08-05')}`,
      '2024-08-05',
      'by weight, 1 where none is given',
    ],
    [
      `${ofDate('2024-08-05')};q=0.3, ${ofDate('2023-02-01')};q=0.30`,
      '2024-08-05',
      'of weights that are the same',
    ],
    [`${ofDate('2023-02-31')}, ${ofDate('2024-08-05')};q=0.1`, '2024-08-05', 'after a bad date'],
    [
      `${ofDate('preview')}, ${ofDate('2024-08-05')};q=0.1`,
      '2024-08-05',
      'after a preview that does not exist',
    ],
  ])('%j means %s: %s', (accept, version) => {
    expect(outcome(three, accept)).toBe(version);
  });

  test('of any text is handled, and a long one takes no long time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 200 }), (accept) => {
        expect(['not-acceptable', 'gone', 'resolved']).toContain(resolveVersion(three, accept, TODAY).type);
      }),
    );
    for (const part of [',', '"', '"\\', 'a;', `${ofDate('2023-02-01')},`]) {
      expect(outcome(three, part.repeat(1_000_000))).toBe('not-acceptable');
    }
  });
});
