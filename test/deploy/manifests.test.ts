import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { Service } from 'kubernetes-types/core/v1.js';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { removeFolders } from '../support/built.ts';
import { checkConfiguration } from '../support/checked-configuration.ts';
import { typeErrors } from '../support/manifest-types.ts';
import {
  all,
  allPodsOf,
  CHARTS,
  configPath,
  createMounted,
  gatewayConfig,
  type Manifest,
  matches,
  noHelm,
  noKustomize,
  OVERLAYS,
  objectsOf,
  podsOf,
  ROOT,
} from '../support/manifests.ts';

afterAll(removeFolders);

const SOURCES = [
  ...OVERLAYS.map((source) => ({ source, missing: noKustomize })),
  ...CHARTS.map((source) => ({ source, missing: noHelm })),
];

describe.each(SOURCES)('$source', ({ source: overlay, missing }) => {
  beforeEach(({ skip }) => skip(missing));

  const pods = () => podsOf(overlay);

  test('has no field that Kubernetes does not know', () => {
    expect(typeErrors(objectsOf(overlay))).toBe('');
  });

  test('runs the version of this package', () => {
    const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
    for (const { gateway } of pods())
      expect(gateway.image).toMatch(new RegExp(`(^|/)atlas-gateway(:${version}|@sha256:[0-9a-f]{64})$`));
  });

  test('names no namespace, so that it goes where it is applied', () => {
    for (const { metadata } of objectsOf(overlay)) expect(metadata).not.toHaveProperty('namespace');
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
      const { admin, listen } = gatewayConfig(overlay, pod);
      // The kubelet has no client certificate.
      const probed = admin.tls?.clientCa === undefined ? admin : listen;
      const { startupProbe, livenessProbe, readinessProbe, ports = [] } = pod.gateway;
      expect(startupProbe?.httpGet?.path).toBe('/readyz');
      expect(livenessProbe?.httpGet?.path).toBe('/healthz');
      for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
        if (probe === undefined) continue;
        const port = ports.find(({ name }) => name === probe.httpGet?.port);
        expect(port?.containerPort).toBe(probed.port);
        // The kubelet comes to the pod's address.
        expect(probed.host).toBe('0.0.0.0');
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
