import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSimulator, type Simulator } from '../../src/simulator/server.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { ask } from '../support/running.ts';

let simulator: Simulator;
let origin: string;

beforeEach(async () => {
  simulator = createSimulator({}, { clock: createFakeClock(), random: createSystemRandom() });
  origin = await simulator.listen(0);
});
afterEach(() => simulator.close());

const control = (body: string, method = 'POST') => ask(origin, '/simulator/faults', { method, body });

test('a fault is added, shown and removed by the control interface', async () => {
  const reply = await control('{"target":"/api/atlas","status":503}');
  expect(JSON.parse(reply.text)).toEqual([{ target: '/api/atlas', status: 503 }]);
  expect((await ask(origin, '/api/atlas/v2/groups')).status).toBe(503);
  expect(JSON.parse((await control('', 'DELETE')).text)).toEqual([]);
});

test.each([
  ['a misspelt setting', '{"statuss":503}', 'statuss'],
  ['a kind that does not exist', '{"wire":"snap"}', 'wire: '],
  ['a value of another type', '{"status":"503"}', 'status: '],
  ['a list', '[]', ''],
  ['text that is not JSON', 'status: 503', ''],
])('%s is refused and adds no fault', async (_name, body, named) => {
  const reply = await control(body);
  expect(reply.status).toBe(400);
  expect(JSON.parse(reply.text).detail).toContain(named);
  expect(simulator.faults.list()).toEqual([]);
});
