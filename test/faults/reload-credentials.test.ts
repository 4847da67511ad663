import { afterEach, beforeEach, expect, test } from 'vitest';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { ask, json, linksOf, type Running, startGateway } from '../support/running.ts';

const { orders, payments } = SAMPLE_PROJECTS;
const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
const { publicKey, privateKey } = SAMPLE_CREDENTIALS.apiKey;
const files = { id: clientId, secret: clientSecret, public: publicKey, private: privateKey };

const account = (name: string, projects: readonly { id: string }[]) => ({
  name,
  serviceAccount: { clientId: { file: 'id' }, clientSecret: { file: 'secret' } },
  projects: projects.map(({ id }) => id),
});
const key = (name: string, projects: readonly { id: string }[]) => ({
  name,
  apiKey: { publicKey: { file: 'public' }, privateKey: { file: 'private' } },
  projects: projects.map(({ id }) => id),
});

let running: Running;
beforeEach(async () => {
  running = await startGateway({ config: { credentials: [account('first', [orders])] }, files });
});
afterEach(() => running.stop());

const reload = (...credentials: object[]) => {
  running.reload({ credentials }, files);
  return JSON.parse(running.logLines.findLast((line) => line.includes('configuration reload')) ?? '{}');
};
const statusOf = async (project: { id: string }) => (await running.get(linksOf(project))).status;
const APPLIED = { outcome: 'applied', problems: [] };

test('149: a credential that is added → used for its projects at once, and shown in metrics', async () => {
  expect([await statusOf(orders), await statusOf(payments)]).toEqual([200, 503]);
  expect(reload(account('first', [orders]), key('second', [payments]))).toMatchObject(APPLIED);
  expect([await statusOf(orders), await statusOf(payments)]).toEqual([200, 200]);
  expect(running.tokenRequests()).toBe(1);
  const metrics = (await ask(running.admin, '/metrics')).text;
  expect(metrics).toContain('atlas_gateway_upstream_circuit_open{credential="second"} 0');
});

test('149: a credential that is removed → not used for another request, and not shown', async () => {
  reload(account('first', [orders]), key('second', [payments]));
  expect([await statusOf(orders), await statusOf(payments)]).toEqual([200, 200]);
  expect(reload(account('first', [orders]))).toMatchObject(APPLIED);
  const refused = await running.get(linksOf(payments));
  expect([refused.status, json(refused).errorCode]).toEqual([503, 'NO_CREDENTIAL_FOR_PROJECT']);
  const metrics = (await ask(running.admin, '/metrics')).text;
  for (const metric of ['circuit_open', 'last_success_timestamp_seconds']) {
    expect(metrics).toContain(`atlas_gateway_upstream_${metric}{credential="first"}`);
    expect(metrics).not.toContain(`atlas_gateway_upstream_${metric}{credential="second"}`);
  }
  const status: { credentials: { name: string }[] } = JSON.parse(
    (await ask(running.admin, '/status.json')).text,
  );
  expect(status.credentials.map(({ name }) => name)).toEqual(['first']);
});

test('149: the projects of a credential change → heeded at once, with the token it has', async () => {
  expect(await statusOf(orders)).toBe(200);
  expect(reload(account('first', [payments]))).toMatchObject(APPLIED);
  expect([await statusOf(orders), await statusOf(payments)]).toEqual([503, 200]);
  expect(running.tokenRequests()).toBe(1);
});

test('149: a credential gets another name → the list is loaded with it', async () => {
  expect(await statusOf(orders)).toBe(200);
  expect(reload(account('renamed', [orders]))).toMatchObject(APPLIED);
  expect(await statusOf(orders)).toBe(200);
  expect(running.tokenRequests()).toBe(2);
  await running.stop();
  const revoked = running.simulator.requests.filter(({ target }) => target === '/api/oauth/revoke');
  expect(revoked).toHaveLength(2);
});

test('149: a credential becomes one of another kind → it stays, and the log says so', async () => {
  expect(reload(key('first', [orders]))).toMatchObject({
    problems: ['credentials[first]: takes effect at the next start'],
  });
  expect(await statusOf(orders)).toBe(200);
  expect(running.tokenRequests()).toBe(1);
});
