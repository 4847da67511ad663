import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { json, type Running, startGateway } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const inProject = (rest: string) => `/api/atlas/v2/groups/${orders.id}/${rest}`;

let running: Running;
beforeEach(async () => {
  running = await startGateway();
});
afterEach(() => running.stop());

describe('a path parameter', () => {
  test.each([
    ['a/b', 'a%2Fb'],
    ['role/team/deploy', 'role%2Fteam%2Fdeploy'],
    ['grüße 🍃', 'gr%C3%BC%C3%9Fe%20%F0%9F%8D%83'],
    ['x'.repeat(1_024), 'x'.repeat(1_024)],
    ['é'.repeat(1_024), '%C3%A9'.repeat(1_024)],
  ])('5: %s is data: forwarded encoded, with a cache entry of its own', async (_value, encoded) => {
    const path = inProject(`streams/${encoded}/connections`);
    expect((await running.get(path.replaceAll('%2F', '%2f'))).status).toBe(200);
    expect(running.upstream().at(-1)?.split('?')[0]).toBe(path);
    expect((await running.get(path)).headers['cache-status']).toContain('hit');
    expect((await running.get(path.replaceAll('%2F', '%252F'))).status).toBe(200);
  });

  test.each([
    '..%2fx',
    'x%2f..',
    'x%2F%2e%2E%2Fy',
    '%2e',
    'x%5Cy',
    '%00',
    '%0d%0a',
    '%ff',
    'x'.repeat(1_025),
  ])('5: %s is 400, without an upstream request', async (segment) => {
    const reply = await running.get(inProject(`streams/${segment}/connections`));
    expect(reply.status).toBe(400);
    expect(['INVALID_PATH_PARAMETER', 'INVALID_REQUEST']).toContain(json(reply).errorCode);
    expect(running.upstream()).toEqual([]);
  });
});
