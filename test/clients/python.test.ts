import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { linksOf, type Running } from '../support/running.ts';
import { createDownloads, isMissing, isUnavailable, print, run } from './programs.ts';
import { key, startForTeam } from './team.ts';

const { orders } = SAMPLE_PROJECTS;
const REQUIREMENTS = 'test/clients/python/requirements.txt';
const downloads = createDownloads();
const python = join(downloads.folder, 'bin/python3');
const noPython =
  isMissing('python3', '--version') ||
  (await isUnavailable('venv for Python', 'python3', ['-m', 'venv', downloads.folder])) ||
  (await isUnavailable('a client for Python', python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--requirement',
    REQUIREMENTS,
  ]));

/** Clients, and how they authenticate. With digest each asks twice, so that a nonce is used again. */
const CLIENTS = [
  ['requests', 'bearer', 1],
  ['requests', 'digest', 2],
  ['requests', 'OAuth', 1],
  ['httpx', 'bearer', 1],
  ['httpx', 'digest', 2],
  ['httpx', 'OAuth', 1],
  ['aiohttp', 'bearer', 1],
  ['aiohttp', 'digest', 2],
  ['aiohttp', 'OAuth', 1],
  ['pyatlassdk', 'digest', 1],
  ['pyatlassdk', 'OAuth', 1],
] as const;

describe.skipIf(noPython)('clients for Python', () => {
  let running: Running;
  let reads: readonly { client: string; auth: string; count: number }[];

  beforeAll(async () => {
    running = await startForTeam();
    const input = {
      origin: running.origin,
      id: key.id,
      secret: key.secret,
      list: linksOf(orders),
      projectId: orders.id,
    };
    const { out, err } = await run(python, ['test/clients/python/reads.py'], {
      input: JSON.stringify(input),
    });
    expect(err).toBe('');
    reads = out
      .trim()
      .split('\n')
      .map((line): (typeof reads)[number] => JSON.parse(line));
  }, 60_000);
  afterAll(async () => {
    await running.stop();
    downloads.remove();
  });

  test.each(CLIENTS)('%s with %s reads a list', (client, auth, times) => {
    const own = reads.filter((read) => read.client === client && read.auth === auth);
    expect(own.map(({ count }) => count)).toEqual(Array.from({ length: times }, () => orders.connections));
    print(`Python ${client}, ${auth}: reads`);
  });
});
