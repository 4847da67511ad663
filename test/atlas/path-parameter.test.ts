import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMatchPattern, decodeSegment } from '../../src/atlas/path-parameter.ts';

/** The patterns of an access list entry and of an endpoint of Azure, as Atlas describes them. */
const ENTRY =
  '^([0-9]{1,3}\\.){3}[0-9]{1,3}(%2[fF][0-9]{1,3})?|([0-9a-f]{1,4}\\:){7}[0-9a-f]{1,4}(%2[fF][0-9]{1,3})?|([0-9a-f]{1,4}\\:){1,6}\\:(%2[fF][0-9]{1,3})|(sg\\-[a-f0-9]{8})?$';
const ENDPOINT =
  '^vpce-[0-9a-f]{17}|^%2[fF]subscriptions%2[fF][0-9a-f]{8}%2[fF]privateEndpoints%2[fF]([-\\w._()]+)';
const PROCESS = '^([0-9]{1,3}\\.){3}[0-9]{1,3}|(([a-z0-9]+\\.){1,10}[a-z]+)?(\\:[0-9]{4,5})$';
const USER = "^[a-z0-9!#$%&'*+/=?^_`{|}~-]+@(?:[a-z0-9]+\\.)+[a-z]+$";

describe('the pattern of a path parameter', () => {
  test.each([
    [ENTRY, '10.0.0.0/24', true],
    [ENTRY, '10.0.0.0', true],
    [ENTRY, '2001:db8::/32', true],
    [ENTRY, 'sg-0123abcd', true],
    [ENTRY, '10.0.0.0/24/x', false],
    [ENTRY, '10.0.0.0/../x', false],
    [ENTRY, '10.0.0.0/', false],
    [ENDPOINT, '/subscriptions/0123abcd/privateEndpoints/my-endpoint', true],
    [ENDPOINT, '/subscriptions/0123abcd/privateEndpoints/my-endpoint/x', false],
    [PROCESS, '10.0.0.1:27017', true],
    [PROCESS, 'host.mongodb.net:27017', true],
    [PROCESS, '10.0.0.1/27017', false],
    [USER, 'a/b@example.com', true],
    [USER, `${'a'.repeat(500)}@example.com`, true],
    [USER, `${'a'.repeat(500)}@example`, false],
  ])('%s matches %j: %j', (pattern, value, expected) => {
    expect(createMatchPattern(pattern)(value)).toBe(expected);
  });

  test('a loose pattern of a long value takes no longer than a whole one', () => {
    const matches = createMatchPattern(PROCESS);
    const startedAt = performance.now();
    for (let turn = 0; turn < 1_000; turn++) expect(matches('a'.repeat(1_024))).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});

describe('a decoded segment', () => {
  test('is what was encoded, or undefined, and never a path that a server could resolve', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '.', '/', '\\', 'é', '%', ';', '\n', ' ') }),
        (text) => {
          const value = decodeSegment(encodeURIComponent(text));
          if (value === undefined) expect(text).toMatch(/[\\\n]|(^|\/)\.{1,2}(\/|$)/);
          else expect(value).toBe(text);
          const resolved = new URL(`http://atlas/a/b/${value ?? ''}`).pathname;
          expect(resolved.startsWith('/a/b/')).toBe(true);
        },
      ),
    );
  });
});
