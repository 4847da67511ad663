import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../../src/config/schema.ts';
import { checkConfiguration, standIn } from '../support/checked-configuration.ts';

const UNIT = 'deploy/atlas-gateway.service';
const CREDENTIALS = `/run/credentials/${basename(UNIT)}/`;
const noAnalyze = spawnSync('systemd-analyze', ['--version']).status !== 0;
if (noAnalyze)
  process.stderr.write('skipped: systemd-analyze is not installed, so the unit is only read, not verified\n');

/** A unit's settings: section, name, and the values in order. */
function readUnit(text: string): Map<string, string[]> {
  const settings = new Map<string, string[]>();
  let section = '';
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, opened] = /^\[(\w+)\]$/.exec(line) ?? [];
    const [, name, value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (opened !== undefined) section = opened;
    else if (name !== undefined)
      settings.set(`${section}.${name}`, [...(settings.get(`${section}.${name}`) ?? []), value]);
    else throw new Error(`'${line}' is no line of a unit`);
  }
  return settings;
}

const unit = readUnit(readFileSync(UNIT, 'utf8'));
const service = (name: string) => unit.get(`Service.${name}`) ?? [];

/** The configuration that the page on deploying gives for this unit. */
function pageConfiguration(): string {
  const blocks = readFileSync('docs/deploying.md', 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g);
  const [found] = [...blocks].map(([, block = '']) => block).filter((block) => block.includes(CREDENTIALS));
  if (found === undefined) throw new Error('docs/deploying.md has no configuration for the unit');
  return found;
}

describe('the systemd unit', () => {
  // Where Node.js is elsewhere, systemd would complain of that alone.
  test.skipIf(noAnalyze || !existsSync('/usr/bin/node'))('is one that systemd understands', () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', UNIT], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test.skipIf(noAnalyze)('exposes little, as systemd counts it', () => {
    const { status, stdout } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=yes', '--threshold=20', UNIT],
      { encoding: 'utf8' },
    );
    expect(status, stdout.split('\n').at(-2)).toBe(0);
  });

  test('starts the installed program by its whole path', () => {
    const manifest: { name: string; bin: Record<string, string> } = JSON.parse(
      readFileSync('package.json', 'utf8'),
    );
    const [command = ''] = service('ExecStart');
    expect(command.split(' ').slice(0, 3)).toEqual([
      '/usr/bin/node',
      `/opt/atlas-gateway/lib/node_modules/${manifest.name}/${manifest.bin['atlas-gateway']}`,
      'serve',
    ]);
  });

  test('does not restart on a configuration that is wrong', () => {
    expect(service('Restart')).toEqual(['on-failure']);
    expect(service('RestartPreventExitStatus')).toEqual(['2']);
  });

  test('lets V8 compile', () => {
    expect(service('MemoryDenyWriteExecute')).toEqual(['no']);
  });

  test('runs as nobody in particular, with no way up and one place to write', () => {
    expect(service('DynamicUser')).toEqual(['yes']);
    expect(service('NoNewPrivileges')).toEqual(['yes']);
    expect(service('ProtectSystem')).toEqual(['strict']);
    expect(service('CapabilityBoundingSet')).toEqual(['']);
    expect(service('StateDirectory')).toEqual(['atlas-gateway']);
    expect(unit.has('Service.ReadWritePaths')).toBe(false);
  });

  test('the configuration of its page passes check, and reads each of its credentials and nothing else', async () => {
    const read = new Set<string>();
    const verdict = await checkConfiguration('/etc/atlas-gateway/gateway.yaml', {
      readFile(path) {
        if (path === '/etc/atlas-gateway/gateway.yaml') return pageConfiguration();
        read.add(path);
        return standIn(path);
      },
    });
    expect(verdict).toMatchObject({ code: 0 });
    const given = service('LoadCredential').map((line) => `${CREDENTIALS}${line.split(':')[0]}`);
    expect([...read].sort()).toEqual(given.sort());
    const { snapshot } = configSchema.parse(parse(pageConfiguration())).cache;
    expect(snapshot?.path).toMatch(new RegExp(`^/var/lib/${service('StateDirectory')[0]}/`));
  });

  test('is given longer to end than it takes', () => {
    const { drain } = configSchema.parse(parse(pageConfiguration()));
    expect(Number(service('TimeoutStopSec')[0]) * 1_000).toBeGreaterThan(drain.delay + drain.deadline);
  });
});
