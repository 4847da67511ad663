import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { makeFolder, removeFolders } from '../support/built.ts';

afterAll(removeFolders);

/** Runs a bench without a second thought for its figures. */
function short(
  script: string,
  flags: readonly string[] = [],
): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const args = [`bench/${script}`, '--short', ...flags];
    const child = execFile(process.execPath, args, (_error, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    );
  });
}

/** No figure is looked at: only that each bench runs, checks the bodies it is answered with, and prints its table. Without wrk, autocannon is the load. */
describe('the bench', () => {
  test('compares the gateway with the others, on the same bodies, and writes the result down', async () => {
    const folder = makeFolder();
    const json = join(folder, 'result.json');
    const markdown = join(folder, 'result.md');
    const { code, out, err } = await short('bench.mjs', ['--json', json, '--markdown', markdown]);
    expect(err).not.toContain('wrong:');
    expect(code).toBe(0);
    expect(out).toMatch(/\| atlas-gateway +\| +\d+/);
    expect(readFileSync(markdown, 'utf8')).toContain('### Hits, 4 items');
    const { results } = JSON.parse(readFileSync(json, 'utf8'));
    expect(results['hits-4'].map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(['bare', 'gateway']),
    );
  });

  test('a contestant or flag that does not exist is an error', async () => {
    expect(await short('bench.mjs', ['--only', 'apache'])).toMatchObject({ code: 2 });
    expect(await short('bench.mjs', ['--fast'])).toMatchObject({ code: 2 });
    expect(await short('weather.mjs', ['--rows', '1'])).toMatchObject({ code: 2 });
  });

  test.skipIf(!existsSync('/proc/self/task'))(
    'a run of weather.mjs that is stopped by a signal ends the processes that it started',
    async () => {
      const bench = spawn(process.execPath, ['bench/weather.mjs', '--short', '--rows', '100'], {
        stdio: 'ignore',
      });
      const ended = once(bench, 'close');
      const children = () =>
        readFileSync(`/proc/${bench.pid}/task/${bench.pid}/children`, 'utf8')
          .split(' ')
          .filter((pid) => pid !== '');
      await expect.poll(() => children().length, { timeout: 15_000 }).toBe(2);
      const started = children();
      bench.kill('SIGTERM');
      expect(await ended).toEqual([143, null]);
      expect(started.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    },
  );

  test.each([
    ['parse.mjs', [], 'reading 500 items'],
    ['hit-path.mjs', [], 'with ÷ without'],
    ['elements.mjs', [], 'element ÷ page'],
    ['misses.mjs', [], '### Misses'],
    ['memory.mjs', [], '### Memory of lists'],
    ['growth.mjs', ['--only', 'keys,room', '--most', '1'], '### Evicting and purging'],
    ['catalog-match.mjs', [], '### Finding the operation of a path'],
    ['flood.mjs', [], '### Hits of one caller while another floods'],
  ])('%s runs', async (script, flags, title) => {
    const { code, out, err } = await short(script, flags);
    expect(err).not.toContain('wrong:');
    expect(code).toBe(0);
    expect(out).toContain(title);
  });
});
