import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { ConfigMap, Container, PodSpec, Service } from 'kubernetes-types/core/v1.js';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { configSchema } from '../../src/config/schema.ts';
import { makeFolder, removeFolders } from '../support/built.ts';
import { checkConfiguration, standIn } from '../support/checked-configuration.ts';

const ROOT = 'deploy/kustomize';
const OVERLAYS = ['base', ...readdirSync(join(ROOT, 'overlays')).map((name) => `overlays/${name}`)];
const TOOLS = [
  ['kubectl', 'kustomize'],
  ['kustomize', 'build'],
] as const;
const tool = TOOLS.find(([program]) => spawnSync(program, ['--help']).status === 0);
if (tool === undefined)
  process.stderr.write(
    'skipped: neither kubectl nor kustomize is installed, so no Kubernetes object is built\n',
  );

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
}

/** The objects of an overlay, as `kubectl apply -k` would send them. */
function build(overlay: string): Manifest[] {
  const [program, command] = tool ?? TOOLS[0];
  const { status, stdout, stderr } = spawnSync(program, [command, join(ROOT, overlay)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS());
}

const rendered = new Map(tool === undefined ? [] : OVERLAYS.map((overlay) => [overlay, build(overlay)]));

function all<T>(overlay: string, kind: string): (Manifest & T)[] {
  const isKind = (one: Manifest): one is Manifest & T => one.kind === kind;
  return (rendered.get(overlay) ?? []).filter(isKind);
}

/** Pods of a Deployment: their labels and what is in them. */
interface Pods {
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly spec: PodSpec;
  readonly containers: readonly Container[];
}

/** Pods with a gateway in them. */
interface GatewayPods extends Pods {
  readonly gateway: Container;
}

function allPodsOf(overlay: string): Pods[] {
  return all<Deployment>(overlay, 'Deployment').map(({ metadata, spec }) => {
    const pod = spec?.template.spec;
    if (pod === undefined) throw new Error(`${metadata.name} has no pods`);
    const containers = [...(pod.initContainers ?? []), ...pod.containers];
    const { labels = {} } = spec?.template.metadata ?? {};
    return { name: metadata.name, labels, spec: pod, containers };
  });
}

function podsOf(overlay: string): GatewayPods[] {
  const found = allPodsOf(overlay).flatMap((pods) => {
    const gateway = pods.containers.find(({ image }) => image?.startsWith('atlas-gateway:'));
    return gateway === undefined ? [] : [{ ...pods, gateway }];
  });
  if (found.length === 0) throw new Error(`no gateway in ${overlay}`);
  return found;
}

/** The file a container sees at a path: of a ConfigMap, or of a Secret, which is a stand-in. Throws where there is none. */
function createMounted(overlay: string, { spec, gateway }: GatewayPods) {
  const secrets = new Set<string>();
  return {
    secrets,
    readFile(path: string): string {
      const mount = gateway.volumeMounts?.find(({ mountPath }) => path.startsWith(`${mountPath}/`));
      const volume = spec.volumes?.find(({ name }) => name === mount?.name);
      if (mount === undefined || volume === undefined) throw new Error(`nothing is mounted at ${path}`);
      const file = path.slice(mount.mountPath.length + 1);
      if (volume.secret !== undefined) {
        secrets.add(`${volume.secret.secretName} ${file}`);
        return standIn(file);
      }
      const map = all<ConfigMap>(overlay, 'ConfigMap').find(
        ({ metadata }) => metadata.name === volume.configMap?.name,
      );
      const content = map?.data?.[file];
      if (content === undefined) throw new Error(`${volume.configMap?.name} holds no ${file}`);
      return content;
    },
  };
}

/** Where the container's configuration is, as its own arguments say. */
const configPath = ({ args = [] }: Container) => args[args.indexOf('--config') + 1] ?? '';

const gatewayConfig = (overlay: string, pods: GatewayPods) =>
  configSchema.parse(parse(createMounted(overlay, pods).readFile(configPath(pods.gateway))));

const matches = (selector: Record<string, string> | undefined, labels: Record<string, string>) =>
  Object.entries(selector ?? {}).every(([name, value]) => labels[name] === value);

/** TypeScript's verdict on the objects of an overlay: an unknown or misspelt field is an error there. */
function typeErrors(objects: readonly Manifest[]): string {
  const folder = makeFolder();
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  const lines = objects.map((object, index) => {
    const { apiVersion, kind } = object;
    const from =
      apiVersion === 'monitoring.coreos.com/v1'
        ? './monitoring'
        : `kubernetes-types/${apiVersion === 'v1' ? 'core/v1' : apiVersion.replace('.k8s.io', '')}`;
    return `export const object${index}: import('${from}').${kind} = ${JSON.stringify(object)};`;
  });
  writeFileSync(join(folder, 'objects.ts'), `${lines.join('\n')}\n`);
  writeFileSync(join(folder, 'monitoring.d.ts'), MONITORING);
  const flags = ['--noEmit', '--strict', '--skipLibCheck', '--ignoreConfig', '--module', 'esnext'];
  const { stdout } = spawnSync(
    resolve('node_modules/.bin/tsc'),
    [...flags, '--moduleResolution', 'bundler', 'objects.ts'],
    { cwd: folder, encoding: 'utf8' },
  );
  return stdout;
}

/** What the overlay uses of the Prometheus operator's objects, which kubernetes-types does not know. */
const MONITORING = `import type { ObjectMeta } from 'kubernetes-types/meta/v1';
type Duration = \`\${number}\${'s' | 'm' | 'h' | 'd'}\`;
interface Endpoint { port: string; path: string; interval: Duration; scrapeTimeout: Duration }
interface Recording { record: string; expr: string; labels?: Record<string, string> }
interface Alert {
  alert: string; expr: string; for?: Duration; keep_firing_for?: Duration;
  labels?: Record<string, string>; annotations?: Record<string, string>;
}
interface Custom<Kind, Spec> { apiVersion: 'monitoring.coreos.com/v1'; kind: Kind; metadata: ObjectMeta; spec: Spec }
export type PodMonitor = Custom<'PodMonitor', {
  selector: { matchLabels: Record<string, string> }; podMetricsEndpoints: Endpoint[];
}>;
export type PrometheusRule = Custom<'PrometheusRule', {
  groups: { name: string; interval?: Duration; rules: (Recording | Alert)[] }[];
}>;
`;

afterAll(removeFolders);

describe.skipIf(tool === undefined).each(OVERLAYS)('kustomize %s', (overlay) => {
  const pods = () => podsOf(overlay);

  test('has no field that Kubernetes does not know', () => {
    expect(typeErrors(rendered.get(overlay) ?? [])).toBe('');
  });

  test('runs the version of this package', () => {
    const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
    for (const { gateway } of pods()) expect(gateway.image).toBe(`atlas-gateway:${version}`);
  });

  test('names no namespace, so that it goes where it is applied', () => {
    for (const { metadata } of rendered.get(overlay) ?? []) expect(metadata).not.toHaveProperty('namespace');
  });

  test("its configuration passes the gateway's own check", async () => {
    for (const pod of pods()) {
      const mounted = createMounted(overlay, pod);
      const verdict = await checkConfiguration(configPath(pod.gateway), {
        readFile: mounted.readFile,
        env: Object.fromEntries((pod.gateway.env ?? []).map(({ name, value }) => [name, value])),
      });
      expect(verdict).toMatchObject({ code: 0 });
      // Who deploys it has to be told which files the Secret has.
      const page = readFileSync('docs/deploying.md', 'utf8');
      for (const secret of mounted.secrets) {
        const [name, file] = secret.split(' ');
        expect(page).toContain(`create secret generic ${name} `);
        expect(page).toContain(`--from-file=${file}`);
      }
    }
  });

  test('mounts what it has, as whole folders, so that a changed secret is seen', () => {
    for (const { spec, containers } of pods()) {
      const volumes = (spec.volumes ?? []).map(({ name }) => name);
      const mounts = containers.flatMap(({ volumeMounts = [] }) => volumeMounts);
      expect(volumes.sort()).toEqual([...new Set(mounts.map(({ name }) => name))].sort());
      for (const mount of mounts) {
        expect(mount.readOnly).toBe(true);
        expect(mount).not.toHaveProperty('subPath');
      }
    }
  });

  test('asks the probes at a port that the container has and the gateway listens on', () => {
    for (const pod of pods()) {
      const { admin } = gatewayConfig(overlay, pod);
      const { startupProbe, livenessProbe, readinessProbe, ports = [] } = pod.gateway;
      expect(startupProbe?.httpGet?.path).toBe('/readyz');
      expect(livenessProbe?.httpGet?.path).toBe('/healthz');
      for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
        if (probe === undefined) continue;
        const port = ports.find(({ name }) => name === probe.httpGet?.port);
        expect(port?.containerPort).toBe(admin.port);
        // The kubelet comes to the pod's address.
        expect(admin.host).toBe('0.0.0.0');
      }
    }
  });

  test('gives the gateway longer to end than it takes', () => {
    for (const pod of pods()) {
      const { drain } = gatewayConfig(overlay, pod);
      const graceMs = (pod.spec.terminationGracePeriodSeconds ?? 30) * 1_000;
      expect(graceMs).toBeGreaterThan(drain.delay + drain.deadline);
    }
  });

  test('is restricted as the Pod Security Standards have it', () => {
    for (const { spec, gateway } of pods()) {
      const pod = spec.securityContext ?? {};
      const own = gateway.securityContext ?? {};
      expect(own.runAsNonRoot ?? pod.runAsNonRoot).toBe(true);
      expect(own.runAsUser ?? pod.runAsUser).toBe(65_532);
      expect((own.seccompProfile ?? pod.seccompProfile)?.type).toBe('RuntimeDefault');
      expect(own).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(own).not.toHaveProperty('privileged');
      for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) expect(spec).not.toHaveProperty(key);
      expect(spec.automountServiceAccountToken).toBe(false);
      // Only the group of the gateway reads the secrets.
      const group = own.runAsGroup ?? pod.runAsGroup;
      expect(pod.fsGroup).toBe(group);
      for (const { secret } of spec.volumes ?? [])
        if (secret !== undefined) expect(secret.defaultMode).toBe(0o440);
    }
  });

  test('says what it needs of memory, and more than the cache may take', () => {
    for (const pod of pods()) {
      const { requests, limits } = pod.gateway.resources ?? {};
      expect(requests).toHaveProperty('cpu');
      const [, mebibytes] = /^(\d+)Mi$/.exec(limits?.['memory'] ?? '') ?? [];
      expect(Number(mebibytes) * 2 ** 20).toBeGreaterThan(2 * gatewayConfig(overlay, pod).cache.maxBytes);
    }
  });

  test('every selector selects the pods of a Deployment, and every port is one of theirs', () => {
    const targets = allPodsOf(overlay);
    const selected = (selector: Record<string, string> | undefined) => {
      const [pod] = targets.filter(({ labels }) => matches(selector, labels));
      expect(pod).toBeDefined();
      return new Set((pod?.containers ?? []).flatMap(({ ports = [] }) => ports.map(({ name }) => name)));
    };
    for (const { spec } of all<Deployment>(overlay, 'Deployment')) {
      selected(spec?.selector.matchLabels);
      for (const { labelSelector } of spec?.template.spec?.topologySpreadConstraints ?? [])
        selected(labelSelector?.matchLabels);
    }
    for (const { spec } of all<Service>(overlay, 'Service')) {
      expect(spec?.type).toBe('ClusterIP');
      const names = selected(spec?.selector);
      for (const { targetPort } of spec?.ports ?? []) expect(names).toContain(targetPort);
    }
    for (const { spec } of all<PodDisruptionBudget>(overlay, 'PodDisruptionBudget'))
      selected(spec?.selector?.matchLabels);
    for (const { spec } of all<NetworkPolicy>(overlay, 'NetworkPolicy')) {
      const names = selected(spec?.podSelector?.matchLabels);
      for (const { ports = [] } of spec?.ingress ?? [])
        for (const { port } of ports) expect(names).toContain(port);
    }
    type Monitor = {
      spec: {
        selector: { matchLabels: Record<string, string> };
        podMetricsEndpoints: { port: string }[];
      };
    };
    for (const { spec } of all<Monitor>(overlay, 'PodMonitor')) {
      const names = selected(spec.selector.matchLabels);
      for (const { port } of spec.podMetricsEndpoints) expect(names).toContain(port);
    }
  });
});

describe.skipIf(tool === undefined)('the base', () => {
  test('is two replicas, of which one may be away, and none is missing during a rollout', () => {
    const [{ spec } = { spec: undefined }] = all<Deployment>('base', 'Deployment');
    expect(spec?.replicas).toBe(2);
    expect(spec?.strategy?.rollingUpdate?.maxUnavailable).toBe(0);
    const [budget] = all<PodDisruptionBudget>('base', 'PodDisruptionBudget');
    expect(budget?.spec?.maxUnavailable).toBe(1);
  });

  test('replicas share the key that signs tokens, so that a token of one is good at the other', () => {
    const [pod] = podsOf('base');
    if (pod === undefined) throw new Error('no pods');
    expect(gatewayConfig('base', pod).tokens.signingKey).toBeDefined();
  });

  test('links lead to its Service', () => {
    const [pod] = podsOf('base');
    const service = all<Service>('base', 'Service').find(({ spec }) => spec?.sessionAffinity === 'ClientIP');
    if (pod === undefined) throw new Error('no pods');
    const { publicUrl } = gatewayConfig('base', pod).listen;
    expect(publicUrl).toBe(`http://${service?.metadata.name}:${service?.spec?.ports?.[0]?.port}`);
  });

  test('the network lets callers to the gateway, monitoring to its admin port, and it to Atlas and the name service', () => {
    const [policy] = all<NetworkPolicy>('base', 'NetworkPolicy');
    expect(policy?.spec?.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(policy?.spec?.ingress?.flatMap(({ ports = [] }) => ports.map(({ port }) => port))).toEqual([
      'http',
      'admin',
    ]);
    // An ingress rule without `from` would let everybody in.
    for (const { from = [] } of policy?.spec?.ingress ?? []) expect(from.length).toBeGreaterThan(0);
    const out = policy?.spec?.egress?.flatMap(({ ports = [] }) => ports.map(({ port }) => port));
    expect(out).toEqual([443, 53, 53]);
  });
});

describe.skipIf(tool === undefined)('the sidecar', () => {
  test('starts before the program, runs as long as it, and is reached by its pod only', () => {
    const [pod] = podsOf('overlays/sidecar');
    if (pod === undefined) throw new Error('no pods');
    const [first] = pod.spec.initContainers ?? [];
    expect(first).toBe(pod.gateway);
    expect(first?.restartPolicy).toBe('Always');
    const { listen, anonymous } = gatewayConfig('overlays/sidecar', pod);
    expect(listen.host).toBe('127.0.0.1');
    expect(first?.env).toContainEqual({ name: 'ATLAS_GATEWAY_LISTEN_HOST', value: '127.0.0.1' });
    expect(anonymous).toMatchObject({ allowRemote: false });
  });

  test('leaves the program of the pod as it was', () => {
    const [pod] = podsOf('overlays/sidecar');
    const { spec } = parse(readFileSync(join(ROOT, 'overlays/sidecar/workload.yaml'), 'utf8')) as Deployment;
    expect(pod?.spec.containers).toEqual(spec?.template.spec?.containers);
  });
});

describe.skipIf(tool === undefined)('with a Redis', () => {
  const overlay = 'overlays/redis';
  const redisPods = () => allPodsOf(overlay).filter(({ name }) => name === 'atlas-gateway-redis');

  test('replicas share it, reach it through the network, and nobody else does', () => {
    const [pod] = podsOf(overlay);
    if (pod === undefined) throw new Error('no pods');
    expect(gatewayConfig(overlay, pod).cache.shared).toBeDefined();
    const policies = all<NetworkPolicy>(overlay, 'NetworkPolicy');
    const [own, redis] = policies.toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name));
    const [{ labels } = { labels: {} }] = redisPods();
    const out = own?.spec?.egress?.find(({ to = [] }) =>
      to.some(({ podSelector }) => podSelector !== undefined && matches(podSelector.matchLabels, labels)),
    );
    expect(out?.ports?.map(({ port }) => port)).toEqual([6379]);
    const [rule, ...others] = redis?.spec?.ingress ?? [];
    expect(others).toEqual([]);
    expect(rule?.from?.map(({ podSelector }) => matches(podSelector?.matchLabels, pod.labels))).toEqual([
      true,
    ]);
    expect(redis?.spec?.egress).toBeUndefined();
    expect(redis?.spec?.policyTypes).toContain('Egress');
  });

  test('which is as restricted as the gateway', () => {
    const [{ spec, containers } = { spec: undefined, containers: [] }] = redisPods();
    expect(spec?.automountServiceAccountToken).toBe(false);
    expect(spec?.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    for (const { securityContext } of containers)
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
  });
});

describe.skipIf(tool === undefined)('for Prometheus', () => {
  test('the rules are those of deploy/prometheus/rules.yaml', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/prometheus-rule.mjs', '--check'], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('the dashboard is in a ConfigMap that Grafana finds', () => {
    const map = all<ConfigMap>('overlays/prometheus', 'ConfigMap').find(
      ({ metadata }) => metadata.name === 'atlas-gateway-dashboard',
    );
    const [file] = Object.keys(map?.data ?? {});
    expect(map?.metadata?.labels).toMatchObject({ grafana_dashboard: '1' });
    expect(map?.data?.[file ?? '']).toBe(readFileSync('deploy/grafana/dashboard.json', 'utf8'));
    // An object of Kubernetes is at most 1 MiB.
    expect(map?.data?.[file ?? '']?.length).toBeLessThan(900_000);
  });
});

describe('the check by types', () => {
  const budget = (spec: object): Manifest[] => [
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'a' },
      ...{ spec },
    },
  ];

  test('passes what is right and names a field that does not exist', () => {
    expect(typeErrors(budget({ maxUnavailable: 1 }))).toBe('');
    expect(typeErrors(budget({ maxUnavailble: 1 }))).toContain('maxUnavailble');
  });

  test('every folder that is an overlay is tested', () => {
    for (const overlay of OVERLAYS)
      expect(existsSync(join(ROOT, overlay, 'kustomization.yaml')), basename(overlay)).toBe(true);
  });
});
