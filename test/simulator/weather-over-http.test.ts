import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSimulator, type Simulator } from '../../src/simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS, weatherProjectId } from '../../src/simulator/world.ts';
import { createFakeClock, type FakeClock, settled } from '../support/fake-clock.ts';
import { ACCEPT, ask, linksOf, type Reply } from '../support/running.ts';

const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
let clock: FakeClock;
let simulator: Simulator;
let origin: string;
let authorization: string;

beforeEach(async () => {
  clock = createFakeClock();
  simulator = createSimulator({}, { clock, random: createSystemRandom() });
  origin = await simulator.listen(0);
  const reply = await ask(origin, '/api/oauth/token', {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
    body: 'grant_type=client_credentials',
  });
  authorization = `Bearer ${JSON.parse(reply.text).access_token}`;
});
afterEach(() => simulator.close());

const control = (body: string, method = 'POST') => ask(origin, '/simulator/weather', { method, body });
const get = (path: string) => ask(origin, path, { headers: { accept: ACCEPT, authorization } });
const countOf = ({ text }: Reply): number => JSON.parse(text).totalCount;

test('the weather is changed, shown and cleared by the control interface', async () => {
  expect((await control('{"projects":2,"lists":[{"items":3,"itemBytes":"2KiB"}]}')).status).toBe(200);
  const page = await get(linksOf({ id: weatherProjectId(1) }));
  expect(countOf(page)).toBe(3);
  expect(page.text.length).toBeGreaterThan(3 * 2_000);
  await control('', 'DELETE');
  expect((await get(linksOf({ id: weatherProjectId(1) }))).status).toBe(404);
  expect(countOf(await get(linksOf(SAMPLE_PROJECTS.orders)))).toBe(42);
});

test('invalid weather is refused with the setting and a remedy, and changes nothing', async () => {
  const reply = await control('{"latency":"soon"}');
  expect(reply.status).toBe(400);
  expect(reply.text).toContain('latency: \\"soon\\" is not a valid latency; write real, none');
  expect((await control('latency: 1s')).status).toBe(400);
});

test('a page is taken from the list at the moment it is answered', async () => {
  await control(
    JSON.stringify({ latency: '1s', lists: [{ items: 10, churn: { creates: 10, at: 'start' } }] }),
  );
  const page = await settled(clock, get(linksOf(SAMPLE_PROJECTS.orders)));
  // The list begins when it is first read; after the latency of a second, ten items have been created.
  expect(countOf(page)).toBe(20);
});

test('a list that hangs is not answered; another list is', async () => {
  await control('{"lists":[{"operation":"listGroupStreamPrivateLinkConnections","hangs":true}]}');
  let answered = false;
  const hanging = get(linksOf(SAMPLE_PROJECTS.orders)).then(
    () => {
      answered = true;
    },
    () => undefined,
  );
  const other = await get(`/api/atlas/v2/groups/${SAMPLE_PROJECTS.orders.id}/clusters`);
  await clock.advance(600_000);
  expect([other.status, answered]).toEqual([200, false]);
  await simulator.close();
  await hanging;
});
