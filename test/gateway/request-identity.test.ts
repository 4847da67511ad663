import { expect, test } from 'vitest';
import { createIdentifyRequest, type SentIdentity } from '../../src/gateway/request-identity.ts';
import { createTrustedProxies } from '../../src/lib/trusted-proxies.ts';
import { NO_HEADERS } from '../support/no-headers.ts';

const { clientOf } = createTrustedProxies([]);
const identify = createIdentifyRequest({ nextRequestId: () => 'own-1', clientOf });
const identifyWith = (headers: Partial<SentIdentity['headers']>) =>
  identify({ peer: '192.0.2.1', headers: { ...NO_HEADERS, ...headers } });

test.each([
  ['req-1', 'req-1'],
  ['a.b_C-9', 'a.b_C-9'],
  ['x'.repeat(128), 'x'.repeat(128)],
  ['x'.repeat(129), 'own-1'],
  ['', 'own-1'],
  ['a b', 'own-1'],
  ['a=b', 'own-1'],
  ['one, two', 'own-1'],
  ['caf\u00e9', 'own-1'],
  ['a\n', 'own-1'],
  [undefined, 'own-1'],
])('a request with the id %j gets the id %j', (requestId, id) => {
  expect(identifyWith({ requestId }).requestId).toBe(id);
});

test.each([
  ['curl/8.5.0', 'curl/8.5.0'],
  ['terraform (linux; amd64)', 'terraform (linux; amd64)'],
  ['caf\u00e9\t\u0007', 'caf%E9%09%07'],
  ['x'.repeat(10_000), 'x'.repeat(256)],
  [undefined, undefined],
])('the user agent %j is logged as %j', (userAgent, logged) => {
  expect(identifyWith({ userAgent }).userAgent).toBe(logged);
});

test('the client address and the parent span are read, and nothing malformed', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  expect(identifyWith({ traceparent })).toMatchObject({
    clientIp: '192.0.2.1',
    parent: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', sampled: true },
  });
  expect(identifyWith({ traceparent: `${traceparent}<script>` }).parent).toBeUndefined();
});
