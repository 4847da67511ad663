import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { ConfigMap, Service } from 'kubernetes-types/core/v1.js';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { all, allPodsOf, gatewayConfig, matches, noKustomize, podsOf, ROOT } from '../support/manifests.ts';

describe.skipIf(noKustomize)('the base', () => {
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

describe.skipIf(noKustomize)('the sidecar', () => {
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

describe.skipIf(noKustomize)('with a Redis', () => {
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

describe.skipIf(noKustomize)('for Prometheus', () => {
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
