import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Tests of the program in its surroundings: most of their time goes to other programs, or to memory that is filled and measured. */
const SYSTEM = [
  'test/cache/memory.test.ts',
  'test/cluster/{cluster,documents,forms,sealed-store,three-gateways}.test.ts',
  'test/docs/getting-started.test.ts',
  'test/faults/{bombs,cache-file,egress,hangup,life,log,many-keys,memory}.test.ts',
  'test/faults/{restart,shared,shared-trouble,slow-clients,strangers}.test.ts',
  'test/server/landing/browser.test.ts',
  'test/status/browser.test.ts',
];
const DEPLOY = ['test/{bench,deploy}/**/*.test.ts'];
const CLIENTS = ['test/clients/**/*.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 30_000,
    // CI shares its machine: a test that fails there because a socket or a process came late is run once more. A fault fails twice.
    retry: process.env['CI'] === undefined ? 0 : 1,
    // A test that ran without a single assertion, because its loop or its callback was never entered, has failed.
    expect: { requireAssertions: true },
    // About half of the time a test waits for processes and sockets, so there is one worker more than cores.
    maxWorkers: availableParallelism() + 1,
    coverage: { provider: 'v8', include: ['src/**'] },
    // Each has a command in package.json.
    projects: [
      {
        extends: true,
        test: {
          name: 'gateway',
          include: ['test/**/*.test.ts'],
          exclude: [...SYSTEM, ...DEPLOY, ...CLIENTS],
          // Nothing in src/ happens on import or is kept between gateways, so a worker imports it once, not again for each file.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: SYSTEM,
          // Some of them start three gateways: with more workers, they would measure how they delay each other.
          maxWorkers: availableParallelism(),
          // Vitest runs projects with different numbers of workers one after the other, in this order.
          sequence: { groupOrder: 1 },
        },
      },
      { extends: true, test: { name: 'suites', include: DEPLOY } },
      { extends: true, test: { name: 'clients', include: CLIENTS } },
    ],
  },
});
