import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseCoding, matchesEtag } from '../../src/lib/content-coding.ts';

describe('the content coding', () => {
  test.each([
    [undefined, 'identity'],
    ['', 'identity'],
    ['br', 'br'],
    ['gzip', 'gzip'],
    ['deflate', 'identity'],
    ['gzip, deflate, br, zstd', 'br'],
    ['GZIP', 'gzip'],
    ['*', 'br'],
    ['br;q=0, *', 'gzip'],
    ['*;q=0', 'identity'],
    ['gzip;q=0', 'identity'],
    ['gzip;Q=0.000', 'identity'],
    ['br;q=0.1, gzip', 'gzip'],
    ['br;q=0.1,gzip;q=0.2', 'gzip'],
    ['gzip ; q=0.2 , br ; q=0.2', 'br'],
    ['gzip;q=0.5', 'gzip'],
    ['gzip;q=0.5, identity', 'identity'],
    ['gzip;q=0.5, identity;q=0.5', 'gzip'],
    ['gzip;q=0.5, identity;q=0.4', 'gzip'],
    ['gzip;q=0.1, *;q=0.5', 'br'],
    ['identity;q=0', 'identity'],
    ['identity;q=0, gzip;q=0.001', 'gzip'],
    ['gzip;q=high', 'identity'],
    ['gzip;q=-1', 'identity'],
    [`${'x,'.repeat(256)}gzip`, 'identity'],
  ])('for %j is %s', (acceptEncoding, coding) => {
    expect(chooseCoding(acceptEncoding)).toBe(coding);
  });

  test('is the one with the highest weight, for any weights', () => {
    const weight = fc.integer({ min: 0, max: 1_000 });
    fc.assert(
      fc.property(weight, weight, weight, (br, gzip, identity) => {
        const value = `identity;q=${identity / 1_000}, gzip;q=${gzip / 1_000}, br;q=${br / 1_000}`;
        const weights = { br, gzip, identity };
        const highest = Math.max(br, gzip, identity);
        fc.pre(highest > 0);
        expect(weights[chooseCoding(value)]).toBe(highest);
      }),
    );
  });
});

describe('If-None-Match', () => {
  test.each([
    [undefined, false],
    ['', false],
    ['"tag"', true],
    ['W/"tag"', true],
    ['"other", W/"tag" , "third"', true],
    ['"other"', false],
    ['"xtag"', false],
    ['tag', false],
    ['"tag"-br', false],
    ['*', true],
    [' * ', true],
  ])('%j matches "tag": %s', (ifNoneMatch, matches) => {
    expect(matchesEtag(ifNoneMatch, '"tag"')).toBe(matches);
  });
});
