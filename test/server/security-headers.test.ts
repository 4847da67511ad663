import { afterAll, beforeAll, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { ask, linksOf, type Running, startGateway } from '../support/running.ts';

let running: Running;
beforeAll(async () => {
  running = await startGateway();
});
afterAll(() => running.stop());

test.each([
  ['public', '/'],
  ['public', '/openapi.json'],
  ['admin', '/metrics'],
  ['admin', '/healthz'],
  ['admin', '/status.json'],
  ['admin', '/openapi.json'],
  ['admin', '/nothing'],
])('the %s listener’s %s may load nothing and be framed by nobody', async (listener, path) => {
  const { headers } = await ask(listener === 'admin' ? running.admin : running.origin, path);
  expect(headers).toMatchObject({
    'content-security-policy':
      "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
  });
  expect(headers['strict-transport-security']).toBeUndefined();
});

test('a page loads its own script and style only, by a nonce of its own', async () => {
  const [one, other] = await Promise.all(
    [1, 2].map(() => ask(running.admin, '/', { headers: { accept: 'text/html' } })),
  );
  const nonceOf = (policy = '') => /script-src 'nonce-([^']+)'; style-src 'nonce-\1'/.exec(policy)?.[1];
  const nonce = nonceOf(one?.headers['content-security-policy']);
  expect(one?.text).toContain(`nonce="${nonce}"`);
  expect(nonceOf(other?.headers['content-security-policy'])).not.toBe(nonce);
  expect(one?.headers['x-frame-options']).toBe('DENY');
});

test('answers under /api have no headers for pages', async () => {
  for (const path of [linksOf(SAMPLE_PROJECTS.orders), '/api/private/ipinfo']) {
    const { headers } = await running.get(path);
    expect(headers['content-security-policy']).toBeUndefined();
  }
});
