import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { testKey } from '../support/caller-keys.ts';
import { json, type Running, startGateway } from '../support/running.ts';

const { orders, payments } = SAMPLE_PROJECTS;
const PROJECTS = '/api/atlas/v2/groups';
const byName = (name: string) => `${PROJECTS}/byName/${name}`;
const team = testKey(1);
const overseer = testKey(2);
const as = ({ bearer }: { bearer: string }) => ({ authorization: bearer });

let running: Running;
beforeAll(async () => {
  const callerOf = (name: string, { id, sha256 }: typeof team, projects: readonly string[] | 'all') => ({
    name,
    keys: [{ id, sha256 }],
    projects,
    operations: 'reads',
  });
  running = await startGateway({
    config: {
      callers: [callerOf('team', team, [orders.id]), callerOf('overseer', overseer, 'all')],
      anonymous: undefined,
    },
  });
  running.simulator.world.replace(PROJECTS, [
    { id: orders.id, name: 'orders' },
    { id: payments.id, name: 'payments' },
  ]);
});
afterAll(() => running.stop());
beforeEach(() => running.simulator.clearRequests());

const wasAsked = (name: string) => running.upstream().some((target) => target.startsWith(byName(name)));

test('a project of others and a name that no project has are the same 403, and Atlas is not asked for either', async () => {
  for (const name of ['payments', 'nothing']) {
    const reply = await running.get(byName(name), as(team));
    expect([reply.status, json(reply).errorCode]).toEqual([403, 'PROJECT_FORBIDDEN']);
    expect(reply.text).toBe((await running.get(byName('another'), as(team))).text);
    expect(wasAsked(name)).toBe(false);
  }
});

test("a project of the caller's own is Atlas's answer", async () => {
  const reply = await running.get(byName('orders'), as(team));
  expect(json(reply).errorCode).not.toBe('PROJECT_FORBIDDEN');
  expect(wasAsked('orders')).toBe(true);
});

test('a caller with all projects asks Atlas for any name', async () => {
  const reply = await running.get(byName('nothing'), as(overseer));
  expect(json(reply).errorCode).not.toBe('PROJECT_FORBIDDEN');
  expect(wasAsked('nothing')).toBe(true);
});
