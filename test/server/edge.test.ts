import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkEdge } from '../../src/server/edge.ts';
import { NO_HEADERS } from '../support/no-headers.ts';

const passes = (target: string) => checkEdge({ method: 'GET', target, headers: NO_HEADERS }) === undefined;

/** A slow reference implementation of the edge's rule for targets. */
function isSafe(target: string): boolean {
  const path = target.split('?', 1)[0] ?? '';
  const segments = path.split('/').map((segment) => segment.replaceAll(/%2e/gi, '.'));
  return (
    /^\/[\x21-\x7e]*$/.test(target) &&
    !/["<>[\\\]^`{|}#]/.test(target) &&
    !target.startsWith('//') &&
    !segments.some((segment) => segment === '.' || segment === '..')
  );
}

test('a target passes the edge only if no two parsers can interpret it differently', () => {
  const pieces = ['/', '//', '.', '..', '%2e', '%2E', '%2f', '%', '?', '&', '=', 'a', 'groups', '-', '~'];
  const target = fc.oneof(
    fc
      .array(fc.constantFrom(...pieces, ' ', '\u00e9', '\\', '#', '\t'), { maxLength: 12 })
      .map((parts) => `/${parts.join('')}`),
    fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join('')),
    fc.string({ maxLength: 40, unit: 'binary' }).map((text) => `/${text}`),
  );
  fc.assert(
    fc.property(target, (one) => {
      expect(passes(one)).toBe(isSafe(one));
    }),
    { numRuns: 2_000 },
  );
});

test('a target of many segments is checked in linear time', () => {
  const long = '/a'.repeat(4_000);
  expect(passes(long)).toBe(true);
  expect(passes(`${long}"`)).toBe(false);
  expect(passes(`${long}/..`)).toBe(false);
});
