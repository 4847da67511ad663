import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, afterEach, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { builtConfiguration, removeFolders, serveBuilt } from '../support/built.ts';
import { ACCEPT, ask, linksOf, startSimulator } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const HEADERS = { accept: ACCEPT };
/** The machine may be busy. */
const SOON = { timeout: 10_000 };

const children: ChildProcess[] = [];

afterEach(() => {
  // After a failed test, its process is still running.
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(removeFolders);

test('130: SIGHUP → the configuration is reloaded, and the gateway keeps running', async () => {
  const { simulator, atlas } = await startSimulator();
  const built = await serveBuilt(builtConfiguration(atlas, 'drain: { delay: 0s }'));
  children.push(built.child);
  const metrics = async () => (await ask(built.admin, '/metrics')).text;
  for (const times of [1, 2]) {
    built.child.kill('SIGHUP');
    await expect
      .poll(metrics, SOON)
      .toContain(`atlas_gateway_config_reloads_total{outcome="applied"} ${times}`);
  }
  expect((await ask(built.origin, linksOf(orders), { headers: HEADERS })).status).toBe(200);
  built.child.kill('SIGTERM');
  expect(await built.ended).toBe(0);
  await simulator.close();
});

test('130: SIGHUP during a drain → the drain completes as usual', async () => {
  const { simulator, atlas } = await startSimulator();
  const built = await serveBuilt(builtConfiguration(atlas, 'drain: { delay: 2s }'));
  children.push(built.child);
  built.child.kill('SIGTERM');
  await expect.poll(async () => (await ask(built.admin, '/readyz')).status, SOON).toBe(503);
  built.child.kill('SIGHUP');
  expect(await built.ended).toBe(0);
  expect(built.output()).not.toContain('configuration reload');
  await simulator.close();
});

test.each([
  ['demo', ['--port', '0', '--admin-port', '0'], 'Press Ctrl-C to stop', /Gateway +(\S+)/, linksOf(orders)],
  ['simulator', ['--port', '0'], 'Projects:', /listens on (\S+)\./, '/simulator/requests'],
])(
  '130: SIGHUP when the terminal of %s is closed → it keeps running without one',
  async (command, args, started, address, path) => {
    const child = spawn(process.execPath, ['bin/atlas-gateway.js', command, ...args], {
      env: { PATH: process.env['PATH'] ?? '' },
    });
    children.push(child);
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    const signalOfEnd = new Promise((resolve) => child.on('exit', (_code, signal) => resolve(signal)));
    await expect.poll(() => output, { timeout: 15_000 }).toContain(started);
    const origin = address.exec(output)?.[1] ?? '';
    child.stdout.destroy();
    child.stderr.destroy();
    child.kill('SIGHUP');
    for (let round = 0; round < 10; round++)
      expect((await ask(origin, path, { headers: HEADERS })).status).toBe(200);
    child.kill('SIGTERM');
    expect(await signalOfEnd).toBe(null);
  },
);
