import { expect, test } from 'vitest';
import type { Caller } from '../../src/gateway/auth/key-auth.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { ANYBODY, createRequestGateway } from '../support/request-gateway.ts';
import { createScriptedAtlas } from '../support/scripted-atlas.ts';

const PROJECTS = '/api/atlas/v2/groups';
const [MINE, THEIRS] = ['a'.repeat(24), 'b'.repeat(24)];

test("25: a project of others that has taken a name in the caller's list of projects → 403, read for the first time and cached", async () => {
  const clock = createFakeClock();
  const atlas = createScriptedAtlas({ clock });
  const gateway = createRequestGateway({ exchange: atlas.exchange }, { clock });
  const named = { orders: MINE };
  atlas.answerWith((path) =>
    path === PROJECTS
      ? { json: { results: [{ id: MINE, name: 'orders' }], totalCount: 1 } }
      : { json: { id: named.orders, name: 'orders', clusterCount: 3 } },
  );
  const team: Caller = { ...ANYBODY, projects: new Set([MINE]) };
  const ask = async (name: string, caller = team) => {
    const reply = gateway.ask(`${PROJECTS}/byName/${name}`, { caller, cacheControl: 'max-age=25' });
    await clock.advance(0);
    return reply;
  };

  expect((await ask('orders')).text).toContain(MINE);
  named.orders = THEIRS;
  await clock.advance(26_000);
  const denials = [await ask('orders'), await ask('orders'), await ask('nothing')];
  expect(denials.map(({ status }) => status)).toEqual([403, 403, 403]);
  expect(new Set(denials.map(({ text }) => text)).size).toBe(1);
  expect(denials.map(({ text, headers }) => JSON.stringify([text, headers])).join()).not.toContain(THEIRS);
  expect((await ask('orders', ANYBODY)).text).toContain(THEIRS);
});
