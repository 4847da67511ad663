import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loggedPath } from '../../src/gateway/logged-text.ts';

test.each([
  ['/api/x?token=secret', '/api/x'],
  ['/api/a b', '/api/a%20b'],
  ['/\u001b[31m\u009b', '/%1B[31m%9B'],
  ['/caf\u00e9', '/caf%E9'],
  ['http://user:password@host/api', undefined],
  ['host:443', undefined],
  ['', undefined],
])('%j is logged as %j', (target, path) => {
  expect(loggedPath(target)).toBe(path);
});

test('for any target, the logged path is bounded and printable and contains nothing of the query', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (rest) => {
      const path = loggedPath(`/${rest}?canary`) ?? '';
      expect(path).toMatch(/^\/[\x21-\x7e]*$/);
      expect(path.length).toBeLessThanOrEqual(6 * 256);
      expect(path.includes('?canary')).toBe(false);
    }),
  );
});
