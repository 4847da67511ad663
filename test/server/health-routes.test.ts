import { expect, test } from 'vitest';
import { createHealthRoutes } from '../../src/server/health-routes.ts';

const probe = async (unready: string | undefined, path: string, method: string) => {
  const response = await createHealthRoutes(() => unready).request(path, { method });
  return [response.status, await response.text()];
};

test.each([
  ['liveness does not depend on readiness', 'draining', '/healthz', 'GET', 200, 'ok\n'],
  ['a ready gateway', undefined, '/readyz', 'GET', 200, 'ready\n'],
  ['a gateway that is not ready names the reason', 'draining', '/readyz', 'GET', 503, 'draining\n'],
  ['a probe of an old HAProxy', undefined, '/readyz', 'OPTIONS', 200, 'ready\n'],
] as const)('%s', async (_title, unready, path, method, status, text) => {
  expect(await probe(unready, path, method)).toEqual([status, text]);
});
