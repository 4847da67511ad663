import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { ask } from './running.ts';

/** One series of a query result, with its latest value. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus on a free port, with its data in a folder of the test. */
export interface RunningPrometheus {
  /** Rejects with Prometheus' error message if it cannot evaluate the expression. */
  query(expression: string): Promise<readonly Series[]>;
  /** Names of the alerts in its rules. */
  alerts(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Whether a program can be started; if not, prints to standard error which tests are skipped. */
export function isInstalled(program: string, skipped: string): boolean {
  const installed = spawnSync(program, ['--version']).error === undefined;
  if (!installed) process.stderr.write(`skipped: ${program} is not installed, so ${skipped}\n`);
  return installed;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => child.once('close', resolve));
}

/** A configuration that scrapes `admin` four times a second, as the job `atlas-gateway`. */
const scraping = (admin: string) =>
  JSON.stringify({
    global: { scrape_interval: '250ms', scrape_timeout: '250ms', evaluation_interval: '250ms' },
    rule_files: ['rules.yaml'],
    scrape_configs: [{ job_name: 'atlas-gateway', static_configs: [{ targets: [new URL(admin).host] }] }],
  });

/** Starts Prometheus with a file of rules, and a configuration that finds it as `rules.yaml`. */
export async function startPrometheus(
  options: { folder: string; rules: string } & ({ admin: string } | { config: string }),
): Promise<RunningPrometheus> {
  const { folder, rules } = options;
  const config = join(folder, 'prometheus.yaml');
  copyFileSync(rules, join(folder, 'rules.yaml'));
  writeFileSync(config, 'config' in options ? options.config : scraping(options.admin));
  const child = spawn('prometheus', [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
  ]);
  let told = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      told += chunk;
    });
  }
  // Older versions log the listen address as address=…, newer ones with or without quotes.
  const listening = /"?Listening on"? address="?(127\.0\.0\.1:\d+)/;
  await expect.poll(() => told, { timeout: 10_000 }).toMatch(listening);
  const origin = `http://${listening.exec(told)?.[1]}`;
  return {
    async query(expression) {
      const { text } = await ask(origin, '/api/v1/query', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ query: expression }).toString(),
      });
      const answer: {
        status: string;
        error?: string;
        data?: { resultType: string; result: { metric: Record<string, string>; value: [number, string] }[] };
      } = JSON.parse(text);
      if (answer.status !== 'success' || answer.data === undefined)
        throw new Error(`${answer.error} in: ${expression}`);
      // The result of a scalar is a single value instead of series.
      return answer.data.resultType === 'vector'
        ? answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
        : [];
    },
    async alerts() {
      const { text } = await ask(origin, '/api/v1/rules?type=alert');
      const { data }: { data: { groups: { rules: { name: string }[] }[] } } = JSON.parse(text);
      return data.groups.flatMap((group) => group.rules.map(({ name }) => name));
    },
    async stop() {
      child.kill('SIGTERM');
      await ended(child);
    },
  };
}

const WORDS = new Set(
  'and or unless by without on ignoring group_left group_right bool offset atan2 inf nan'.split(' '),
);
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g;

/** Names of the metrics in an expression, in order of appearance. */
export function metricsIn(expression: string): readonly string[] {
  const bare = expression
    .replaceAll(/#[^\n]*/g, ' ')
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, ' ')
    .replaceAll(/\{[^}]*\}/g, ' ')
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(/\boffset\s+-?\w+/g, ' ')
    .replaceAll(GROUPING, ' ');
  const names = [...bare.matchAll(/(?<![\w:.])[A-Za-z_:][\w:]*(?!\w|:|\s*\()/g)].map(([name]) => name);
  return [...new Set(names.filter((name) => !WORDS.has(name.toLowerCase())))];
}
