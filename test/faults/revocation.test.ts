import { expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { ENCRYPTION_KEY, hasRedis, startRedis } from '../support/redis.ts';
import { linksOf, type Running, startGateway, startSimulator } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const REVOKE = '/api/oauth/revoke';

const revocations = ({ simulator }: Pick<Running, 'simulator'>) =>
  simulator.requests.filter(({ target }) => target === REVOKE).map(({ status }) => status);

test('148: a gateway that ends → its token is revoked', async () => {
  const running = await startGateway();
  expect((await running.get(linksOf(orders))).status).toBe(200);
  await running.stop();
  expect(revocations(running)).toEqual([200]);
});

test('148: a gateway without a token → nothing is revoked', async () => {
  for (const credential of ['serviceAccount', 'apiKey'] as const) {
    const running = await startGateway({ credential });
    if (credential === 'apiKey') expect((await running.get(linksOf(orders))).status).toBe(200);
    await running.stop();
    expect([credential, revocations(running)]).toEqual([credential, []]);
  }
});

test.each(['hang', 'reset'] as const)(
  '148: a revocation that meets a %s → does not keep the gateway',
  async (wire) => {
    const running = await startGateway();
    expect((await running.get(linksOf(orders))).status).toBe(200);
    running.simulator.faults.add({ target: REVOKE, wire });
    const startedAt = performance.now();
    await running.stop();
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  },
);

test.skipIf(!hasRedis)('148: a token that gateways share → not revoked when one of them ends', async () => {
  const redis = await startRedis();
  const { simulator, atlas } = await startSimulator();
  const running = await startGateway({
    origin: atlas,
    files: { url: redis.url, key: ENCRYPTION_KEY },
    config: {
      listen: { port: 0, publicUrl: 'http://gateway.test' },
      cache: { shared: { url: { file: 'url' }, encryptionKey: { file: 'key' } } },
    },
  });
  expect((await running.get(linksOf(orders))).status).toBe(200);
  await running.stop();
  expect(revocations({ simulator })).toEqual([]);
  await simulator.close();
  await redis.stop();
});
