import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../../src/config/schema.ts';
import { parseDuration } from '../../src/lib/units.ts';
import { makeFolder, removeFolders } from '../support/built.ts';
import { checkConfiguration, standIn } from '../support/checked-configuration.ts';
import { isInstalled, startPrometheus } from '../support/prometheus.ts';

afterAll(removeFolders);

const compose: {
  services: Record<string, Record<string, unknown>>;
  secrets: Record<string, { file: string }>;
} = parse(readFileSync('deploy/compose.yaml', 'utf8'));
const gateway = compose.services['gateway'] ?? {};
const configuration = readFileSync('deploy/compose/config/gateway.yaml', 'utf8');

/** A server that answers scrapes. */
function startMetrics(): Promise<{ port: number; close: () => void }> {
  return new Promise((resolve) => {
    const server = createServer((_request, response) => response.end('atlas_gateway_build_info 1\n'));
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      resolve({ port, close: () => void server.close() });
    });
  });
}

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
  const mounted = Object.keys(compose.secrets).filter((name) => !name.startsWith('grafana-'));
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
  for (const { ports = [] } of Object.values(compose.services) as { ports?: string[] }[])
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
});

describe('monitoring', () => {
  interface Volume {
    type: string;
    source: string;
    target: string;
  }
  const volumesOf = (service: string) => (compose.services[service]?.['volumes'] ?? []) as Volume[];
  const mounted = (service: string, path: string) => {
    const [volume] = volumesOf(service).filter(
      ({ target }) => path === target || path.startsWith(`${target}/`),
    );
    if (volume === undefined) throw new Error(`nothing is mounted at ${path}`);
    return join('deploy', volume.source, path.slice(volume.target.length));
  };

  test('is only there for whoever asks for it', () => {
    for (const service of ['prometheus', 'grafana'])
      expect(compose.services[service]).toMatchObject({ profiles: ['monitoring'], cap_drop: ['ALL'] });
  });

  test('every mounted file exists', () => {
    const binds = Object.keys(compose.services)
      .flatMap(volumesOf)
      .filter(({ type }) => type === 'bind');
    for (const { source } of binds) expect(existsSync(join('deploy', source)), source).toBe(true);
  });

  test('Grafana is given its password, a data source that is Prometheus, and the dashboard', () => {
    const grafana = compose.services['grafana'] ?? {};
    const environment = grafana['environment'] as Record<string, string>;
    expect(environment['GF_SECURITY_ADMIN_PASSWORD__FILE']).toBe('/run/secrets/grafana-admin-password');
    expect(grafana['secrets']).toEqual(['grafana-admin-password']);
    const provisioning = '/etc/grafana/provisioning';
    const sources = parse(
      readFileSync(mounted('grafana', `${provisioning}/datasources/prometheus.yaml`), 'utf8'),
    );
    expect(sources.datasources).toMatchObject([
      { type: 'prometheus', url: 'http://prometheus:9090', isDefault: true },
    ]);
    const { providers } = parse(
      readFileSync(mounted('grafana', `${provisioning}/dashboards/atlas-gateway.yaml`), 'utf8'),
    );
    const [{ options }] = providers;
    const dashboard = environment['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? '';
    expect(dashboard.startsWith(`${options.path}/`)).toBe(true);
    expect(mounted('grafana', dashboard)).toBe('deploy/grafana/dashboard.json');
  });

  const missing = !isInstalled('prometheus', 'the Prometheus of compose is not started');
  test.skipIf(missing)(
    'Prometheus starts with the shipped files, scrapes the gateway and knows the alerts',
    async () => {
      const config = readFileSync(mounted('prometheus', '/etc/prometheus/prometheus.yml'), 'utf8');
      expect(config).toContain('gateway:9090');
      const gatewayPort = await startMetrics();
      const prometheus = await startPrometheus({
        folder: makeFolder(),
        rules: mounted('prometheus', '/etc/prometheus/rules.yaml'),
        config: config.replace('gateway:9090', `127.0.0.1:${gatewayPort.port}`).replaceAll('15s', '250ms'),
      });
      try {
        const up = async () => (await prometheus.query('up{job="atlas-gateway"}')).map(({ value }) => value);
        await expect.poll(up, { timeout: 10_000 }).toEqual([1]);
        expect(await prometheus.alerts()).toContain('AtlasGatewayDown');
      } finally {
        await prometheus.stop();
        gatewayPort.close();
      }
    },
  );
});

test('it is given longer to end than it takes', () => {
  const { drain } = configSchema.parse(parse(configuration));
  const grace = parseDuration(String(gateway['stop_grace_period'])) ?? 0;
  expect(grace).toBeGreaterThan(drain.delay + drain.deadline);
});
