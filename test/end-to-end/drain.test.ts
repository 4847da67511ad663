import { expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { linksOf, startGateway } from '../support/running.ts';

const PATH = linksOf(SAMPLE_PROJECTS.orders);

test('a gateway that stops finishes what is under way and then closes', async () => {
  const running = await startGateway();
  running.simulator.faults.add({ target: 'privateLink', delayMs: 100 });
  const slow = running.get(PATH);
  await expect.poll(() => running.tokenRequests()).toBe(1);
  await running.stop();
  expect((await slow).status).toBe(200);
  await expect(running.get(PATH)).rejects.toThrow();
});
