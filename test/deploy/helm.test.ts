import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { ConfigMap, Service, ServiceAccount } from 'kubernetes-types/core/v1.js';
import type { Ingress, NetworkPolicy } from 'kubernetes-types/networking/v1.js';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { makeFolder, removeFolders } from '../support/built.ts';
import { checkConfiguration, standIn } from '../support/checked-configuration.ts';
import { typeErrors } from '../support/manifest-types.ts';
import {
  all,
  buildOverlay,
  CHART,
  CHARTS,
  KUBERNETES,
  type Manifest,
  matches,
  noHelm,
  noKustomize,
  renderChart,
  sidecarExample,
} from '../support/manifests.ts';

afterAll(removeFolders);

const helm = (...args: string[]) => spawnSync('helm', [...args, ...KUBERNETES], { encoding: 'utf8' });
const chart: { version: string; appVersion: string } = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'));
const values: Record<string, unknown> = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8'));

/** The base's own sample caller, as values of the chart. */
function baseValues(): string {
  const { callers, credentials } = parse(readFileSync('deploy/kustomize/base/gateway.yaml', 'utf8'));
  const path = join(makeFolder(), 'values.yaml');
  writeFileSync(path, JSON.stringify({ config: { callers, credentials } }));
  return path;
}

/** Errors that helm reports for values that are set on the command line. */
const complaints = (...sets: string[]) =>
  helm('template', 'atlas-gateway', CHART, ...sets.flatMap((one) => ['--set', one])).stderr;

describe.skipIf(noHelm)('the chart', () => {
  test('has the version of this package', () => {
    const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(chart).toMatchObject({ version, appVersion: version });
    const { dependencies } = parse(readFileSync('deploy/helm/examples/sidecar/Chart.yaml', 'utf8'));
    expect(dependencies).toMatchObject([{ name: 'atlas-gateway', version }]);
  });

  test('is clean for helm lint, by itself, with each example, and in the chart of a program', () => {
    const examples = CHARTS.filter((name) => name !== 'helm/sidecar').map((name) =>
      name.replace('helm/', ''),
    );
    for (const example of examples) {
      const { status, stdout } = helm(
        'lint',
        '--strict',
        CHART,
        '--values',
        `deploy/helm/examples/${example}.yaml`,
      );
      expect({ example, status, stdout }).toMatchObject({ status: 0 });
    }
    expect(helm('lint', '--strict', CHART)).toMatchObject({ status: 0 });
    expect(helm('lint', '--strict', sidecarExample())).toMatchObject({ status: 0 });
  });

  test.each([
    ['mode=daemon', 'mode'],
    ['replicas=0', 'replicas'],
    ['replica=2', 'replica'],
    ['image.digest=latest', 'digest'],
    ['redis.address=redis://:secret@redis', 'address'],
    ['monitoring.interval=often', 'interval'],
    ['ingress.enabled=true', 'hosts'],
  ])('rejects %s and names it', (set, named) => {
    expect(complaints(set)).toContain(named);
  });

  test('a sidecar has no Service that could be scraped, and says what to do', () => {
    expect(complaints('mode=sidecar', 'monitoring.monitor=service')).toContain('use pod');
  });

  test('every value has a comment or a name that says it, and is in the schema', () => {
    const { properties } = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'));
    const known = Object.keys(properties).filter((name) => name !== 'global');
    expect(Object.keys(values).toSorted()).toEqual(known.toSorted());
  });

  test('the rules and the dashboard in it are those of Prometheus and Grafana', () => {
    expect(readFileSync(join(CHART, 'files/dashboard.json'), 'utf8')).toBe(
      readFileSync('deploy/grafana/dashboard.json', 'utf8'),
    );
    const { groups } = parse(readFileSync('deploy/prometheus/rules.yaml', 'utf8'));
    expect(parse(readFileSync(join(CHART, 'files/rules.yaml'), 'utf8'))).toEqual({ groups });
    type Rule = Manifest & { spec: unknown };
    const [rule] = all<Rule>('helm/service-with-redis', 'PrometheusRule');
    expect(rule?.spec).toEqual({ groups });
    const maps = all<ConfigMap>('helm/service-with-redis', 'ConfigMap');
    const dashboard = maps.find(({ metadata }) => metadata.name === 'atlas-gateway-dashboard');
    expect(JSON.parse(dashboard?.data?.['atlas-gateway.json'] ?? '')).toEqual(
      JSON.parse(readFileSync('deploy/grafana/dashboard.json', 'utf8')),
    );
  });

  test('a ServiceMonitor scrapes the admin Service', () => {
    const objects = renderChart(CHART, ['--set', 'monitoring.monitor=service']);
    expect(typeErrors(objects)).toBe('');
    type Monitor = Manifest & {
      spec: { selector: { matchLabels: Record<string, string> }; endpoints: { port: string }[] };
    };
    const monitor = objects.find((one): one is Monitor => one.kind === 'ServiceMonitor');
    const selected = objects
      .filter((one): one is Manifest & Service => one.kind === 'Service')
      .filter(({ metadata }) => matches(monitor?.spec.selector.matchLabels, metadata?.labels ?? {}));
    expect(selected.map(({ metadata }) => metadata.name)).toEqual(['atlas-gateway-admin']);
    const [port] = selected[0]?.spec?.ports ?? [];
    expect(port?.name).toBe(monitor?.spec.endpoints[0]?.port);
  });

  test('a changed configuration changes no pod, unless that is wished for', () => {
    const podsWith = (...sets: string[]) => {
      const objects = renderChart(
        CHART,
        sets.flatMap((one) => ['--set', one]),
      );
      const deployment = objects.find(({ kind }) => kind === 'Deployment');
      return JSON.stringify(deployment);
    };
    expect(podsWith('config.cache.fresh=10s')).toBe(podsWith('config.cache.fresh=20s'));
    const wished = 'rolloutOnConfigChange=true';
    expect(podsWith(wished, 'config.cache.fresh=10s')).not.toBe(podsWith(wished, 'config.cache.fresh=20s'));
  });

  test('with a client CA on the admin port the kubelet asks the public one, over TLS', () => {
    const [deployment] = all<Deployment>('helm/hardened', 'Deployment');
    const [container] = deployment?.spec?.template.spec?.containers ?? [];
    for (const probe of [container?.startupProbe, container?.readinessProbe, container?.livenessProbe])
      expect(probe?.httpGet).toMatchObject({ port: 'http', scheme: 'HTTPS' });
    const [ingress] = all<Ingress>('helm/hardened', 'Ingress');
    expect(ingress?.spec?.rules?.map(({ host }) => host)).toEqual(['atlas.internal.example']);
    const [policy] = all<NetworkPolicy>('helm/hardened', 'NetworkPolicy');
    const ports = policy?.spec?.egress?.flatMap(({ ports: own = [] }) => own.map(({ port }) => port));
    expect(ports).toEqual([53, 53, 3128]);
  });
});

describe('the lines of docs/deploying.md', () => {
  const page = readFileSync('docs/deploying.md', 'utf8');
  /** The code block whose content matches. */
  function blockWith(pattern: RegExp): string {
    const blocks = [...page.matchAll(/```\w+\n([\s\S]*?)```/g)].map(([, block = '']) => block);
    const found = blocks.find((block) => pattern.test(block));
    if (found === undefined) throw new Error(`docs/deploying.md has no block with ${pattern}`);
    return found;
  }

  test.skipIf(noHelm)('the values and the command of the service install it', async () => {
    const folder = makeFolder();
    writeFileSync(join(folder, 'values.yaml'), blockWith(/^# values\.yaml/));
    const [, release = '', chart = ''] = /^helm install (\S+) (\S+) --values values\.yaml$/m.exec(page) ?? [];
    expect([release, chart]).toEqual(['atlas-gateway', CHART]);
    const objects = renderChart(chart, ['--values', join(folder, 'values.yaml')]);
    expect(typeErrors(objects)).toBe('');
    const config = objects.find((one): one is Manifest & ConfigMap => one.kind === 'ConfigMap')?.data ?? {};
    const { code } = await checkConfiguration('/etc/atlas-gateway/gateway.yaml', {
      readFile: (path) => (path.endsWith('.yaml') ? (config['gateway.yaml'] ?? '') : standIn(basename(path))),
    });
    expect(code).toBe(0);
  });

  test.skipIf(noKustomize)('the overlay of the service builds, with a configuration of its own', () => {
    const folder = makeFolder();
    const overlay = join(folder, 'overlay');
    cpSync('deploy', join(folder, 'atlas-gateway/deploy'), { recursive: true });
    mkdirSync(overlay);
    writeFileSync(join(overlay, 'kustomization.yaml'), blockWith(/behavior: replace/));
    writeFileSync(join(overlay, 'gateway.yaml'), 'listen: { publicUrl: http://mine }\n');
    const objects = buildOverlay(overlay);
    expect(typeErrors(objects)).toBe('');
    expect(new Set(objects.map(({ metadata }) => Reflect.get(metadata, 'namespace')))).toEqual(
      new Set(['atlas-gateway']),
    );
    const map = objects.find((one): one is Manifest & ConfigMap => one.kind === 'ConfigMap');
    expect([map?.metadata.name, map?.data]).toEqual([
      'atlas-gateway',
      { 'gateway.yaml': 'listen: { publicUrl: http://mine }\n' },
    ]);
  });
});

/** What is the same object under the chart's and the base's own labels: those that name the tool, the release and the version go. */
function substance(object: unknown): unknown {
  if (Array.isArray(object)) return object.map(substance);
  if (object === null || typeof object !== 'object') return object;
  const dropped =
    /^app\.kubernetes\.io\/(instance|version|managed-by|part-of)$|^annotations$|^imagePullPolicy$|^image$/;
  return Object.fromEntries(
    Object.entries(object)
      .filter(([name]) => !dropped.test(name))
      .map(([name, value]) => [name, substance(value)]),
  );
}

describe.skipIf(noHelm || noKustomize)('the chart and the kustomize base', () => {
  let rendered: readonly Manifest[] = [];
  const ofChart = <T>(kind: string) => {
    if (rendered.length === 0) rendered = renderChart(CHART, ['--values', baseValues()]);
    return rendered.filter((one): one is Manifest & T => one.kind === kind);
  };
  const specs = (objects: readonly (Manifest & { spec?: unknown })[]) =>
    objects.map(({ metadata, spec }) => ({ name: metadata.name, spec: substance(spec) }));

  test.each(['Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy'])('make the same %s', (kind) => {
    type Any = Deployment | Service | PodDisruptionBudget | NetworkPolicy;
    expect(specs(ofChart<Any>(kind))).toEqual(specs(all<Any>('base', kind)));
  });

  test('make the same ServiceAccount, which has no token', () => {
    const account = (objects: readonly (Manifest & ServiceAccount)[]) =>
      objects.map(({ metadata, automountServiceAccountToken }) => [
        metadata.name,
        automountServiceAccountToken,
      ]);
    expect(account(ofChart<ServiceAccount>('ServiceAccount'))).toEqual([['atlas-gateway', false]]);
    expect(account(all<ServiceAccount>('base', 'ServiceAccount'))).toEqual([['atlas-gateway', false]]);
  });

  test('configure the gateway alike', () => {
    const config = (objects: readonly (Manifest & ConfigMap)[]) =>
      parse(objects.find(({ metadata }) => metadata.name === 'atlas-gateway')?.data?.['gateway.yaml'] ?? '');
    expect(config(ofChart<ConfigMap>('ConfigMap'))).toEqual(config(all<ConfigMap>('base', 'ConfigMap')));
  });
});
