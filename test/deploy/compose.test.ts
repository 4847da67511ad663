import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../../src/config/schema.ts';
import { parseDuration } from '../../src/lib/units.ts';
import { checkConfiguration, standIn } from '../support/checked-configuration.ts';

const compose: {
  services: Record<string, Record<string, unknown>>;
  secrets: Record<string, { file: string }>;
} = parse(readFileSync('deploy/compose.yaml', 'utf8'));
const gateway = compose.services['gateway'] ?? {};
const configuration = readFileSync('deploy/compose/config/gateway.yaml', 'utf8');

test('its configuration passes check, and reads each of the secrets and nothing else', async () => {
  const read = new Set<string>();
  const verdict = await checkConfiguration('/etc/atlas-gateway/gateway.yaml', {
    readFile(path) {
      if (path === '/etc/atlas-gateway/gateway.yaml') return configuration;
      read.add(path);
      return standIn(path);
    },
    env: { ATLAS_GATEWAY_LISTEN_HOST: '0.0.0.0' },
  });
  expect(verdict).toMatchObject({ code: 0 });
  const mounted = Object.keys(compose.secrets);
  expect(gateway['secrets']).toEqual(mounted);
  expect([...read].sort()).toEqual(mounted.map((name) => `/run/secrets/${name}`).sort());
});

test('the folders of secrets are kept out of git', () => {
  for (const { file } of Object.values(compose.secrets)) expect(file).toMatch(/^\.\/compose\/secrets\//);
  expect(readFileSync('deploy/compose/.gitignore', 'utf8')).toContain('secrets/');
});

test('the container has no more rights than it needs', () => {
  expect(gateway).toMatchObject({
    user: '65532:65532',
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
  });
  expect(gateway).not.toHaveProperty('privileged');
  for (const volume of gateway['volumes'] as { read_only: boolean }[]) expect(volume.read_only).toBe(true);
});

test('it runs the version of this package', () => {
  const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(gateway['image']).toBe(`atlas-gateway:${version}`);
});

test('the second tier of the cache is only there for who asks for it, and is reached by the gateway alone', () => {
  const redis = compose.services['redis'] ?? {};
  expect(redis).toMatchObject({ profiles: ['redis'], read_only: true, cap_drop: ['ALL'] });
  expect(redis).not.toHaveProperty('ports');
});

test('ports are published on this machine only', () => {
  for (const port of gateway['ports'] as string[]) expect(port).toMatch(/^127\.0\.0\.1:/);
});

test('it is given longer to end than it takes', () => {
  const { drain } = configSchema.parse(parse(configuration));
  const grace = parseDuration(String(gateway['stop_grace_period'])) ?? 0;
  expect(grace).toBeGreaterThan(drain.delay + drain.deadline);
});
