import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    // CI shares its machine: a test that fails there because a socket or a process came late is run once more. A fault fails twice.
    retry: process.env['CI'] === undefined ? 0 : 1,
    // A test that ran without a single assertion, because its loop or its callback was never entered, has failed.
    expect: { requireAssertions: true },
    // About half of the time a test waits for processes and sockets, so there is one worker more than cores.
    maxWorkers: availableParallelism() + 1,
    coverage: { provider: 'v8', include: ['src/**'] },
  },
});
