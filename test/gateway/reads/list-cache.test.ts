import { expect, test } from 'vitest';
import { isRepeatable } from '../../../src/gateway/reads/list-cache.ts';
import { upstreamFailure } from '../../../src/upstream/failure.ts';
import type { UpstreamFailure, UpstreamFailureCode } from '../../../src/upstream/message.ts';

test.each<readonly [UpstreamFailureCode, Partial<UpstreamFailure>, boolean]>([
  ['UPSTREAM_FAILED', {}, true],
  ['UPSTREAM_TIMEOUT', {}, true],
  ['UPSTREAM_BAD_BODY', {}, true],
  ['UPSTREAM_FAILED', { circuitOpen: true }, false],
  ['UPSTREAM_AUTH', { unsent: true }, false],
  ['OVERLOADED', {}, false],
  ['UPSTREAM_RATE_LIMITED', {}, false],
  ['CALLER_RATE_LIMITED', {}, false],
  ['CREDENTIALS_UNAVAILABLE', {}, false],
])('a load that failed with %s %o is evidence against its list: %s', (code, more, expected) => {
  expect(isRepeatable({ ...upstreamFailure(code, ''), ...more })).toBe(expected);
});
