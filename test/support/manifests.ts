import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { ConfigMap, Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { parse, parseAllDocuments } from 'yaml';
import { configSchema } from '../../src/config/schema.ts';
import { makeFolder } from './built.ts';
import { createCertificate } from './certificate.ts';
import { standIn } from './checked-configuration.ts';

/** The folders of the base and the overlays. */
export const ROOT = 'deploy/kustomize';
export const OVERLAYS = ['base', ...readdirSync(join(ROOT, 'overlays')).map((name) => `overlays/${name}`)];
/** The chart, and the values it is rendered for: by itself, and in a chart that puts the gateway into its own pod. */
export const CHART = 'deploy/helm/atlas-gateway';
const EXAMPLES = 'deploy/helm/examples';
export const CHARTS = ['helm/service-with-redis', 'helm/hardened', 'helm/sidecar'];

const TOOLS = [
  ['kubectl', 'kustomize'],
  ['kustomize', 'build'],
] as const;
const tool = TOOLS.find(([program]) => spawnSync(program, ['--help']).status === 0);

/** Whether neither kubectl nor kustomize is installed, so that overlays cannot be built; prints a note in that case. */
export const noKustomize = tool === undefined;
if (noKustomize)
  process.stderr.write(
    'skipped: neither kubectl nor kustomize is installed, so no Kubernetes object is built\n',
  );

/** Whether helm is not installed, so that the chart cannot be rendered; prints a note in that case. */
export const noHelm = spawnSync('helm', ['version']).status !== 0;
if (noHelm) process.stderr.write('skipped: helm is not installed, so the chart is not rendered\n');

const IMAGE = /(^|\/)atlas-gateway[:@]/;

/** A Kubernetes object. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
}

function objectsFrom(program: string, args: readonly string[]): readonly Manifest[] {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  // Kubernetes reads YAML 1.1, in which 0440 is octal.
  return parseAllDocuments(stdout, { version: '1.1' })
    .map((document) => document.toJS())
    .filter((object) => object !== null);
}

/** The release that is rendered for; without a cluster, helm assumes an old one. */
export const KUBERNETES = ['--kube-version', '1.34.0'];

/** Renders a chart with the release's name `atlas-gateway`; throws what helm reports. */
export const renderChart = (chart: string, args: readonly string[] = []) =>
  objectsFrom('helm', ['template', 'atlas-gateway', chart, ...KUBERNETES, ...args]);

/** The example of a program's own chart, with the gateway's chart as its dependency. */
export function sidecarExample(): string {
  const folder = makeFolder();
  cpSync(join(EXAMPLES, 'sidecar'), folder, { recursive: true });
  cpSync(CHART, join(folder, 'charts/atlas-gateway'), { recursive: true });
  return folder;
}

/** Builds the overlay in a folder. */
export function buildOverlay(folder: string): readonly Manifest[] {
  const [program, command] = tool ?? TOOLS[0];
  return objectsFrom(program, [command, folder]);
}

function build(source: string): readonly Manifest[] {
  const [, example] = source.split('helm/');
  if (example === 'sidecar') return renderChart(sidecarExample());
  if (example !== undefined) return renderChart(CHART, ['--values', join(EXAMPLES, `${example}.yaml`)]);
  return buildOverlay(join(ROOT, source));
}

const built = new Map<string, readonly Manifest[]>();

/** The objects of an overlay or a chart, as they would be sent to Kubernetes. */
export function objectsOf(overlay: string): readonly Manifest[] {
  const objects = built.get(overlay) ?? build(overlay);
  built.set(overlay, objects);
  return objects;
}

/** The objects of one kind. */
export function all<T>(overlay: string, kind: string): (Manifest & T)[] {
  const isKind = (one: Manifest): one is Manifest & T => one.kind === kind;
  return objectsOf(overlay).filter(isKind);
}

/** Pod template of a Deployment: labels and spec. */
interface Pods {
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly spec: PodSpec;
  readonly containers: readonly Container[];
}

/** Pods that contain a gateway. */
interface GatewayPods extends Pods {
  readonly gateway: Container;
}

/** The pods of every Deployment. */
export function allPodsOf(overlay: string): Pods[] {
  return all<Deployment>(overlay, 'Deployment').map(({ metadata, spec }) => {
    const pod = spec?.template.spec;
    if (pod === undefined) throw new Error(`${metadata.name} has no pods`);
    const containers = [...(pod.initContainers ?? []), ...pod.containers];
    const { labels = {} } = spec?.template.metadata ?? {};
    return { name: metadata.name, labels, spec: pod, containers };
  });
}

/** The pods that contain a gateway; throws if there are none. */
export function podsOf(overlay: string): GatewayPods[] {
  const found = allPodsOf(overlay).flatMap((pods) => {
    const gateway = pods.containers.find(({ image }) => image !== undefined && IMAGE.test(image));
    return gateway === undefined ? [] : [{ ...pods, gateway }];
  });
  if (found.length === 0) throw new Error(`no gateway in ${overlay}`);
  return found;
}

let certificate: { cert: string; key: string } | undefined;

/** A certificate or its key, for a file whose name says that it is one. */
function pemOf(file: string): string | undefined {
  if (!/\.(crt|key)$/.test(file)) return undefined;
  certificate ??= createCertificate();
  return file.endsWith('.key') ? certificate.key : certificate.cert;
}

/** The file mounted at a path of a container, from a ConfigMap or a placeholder Secret. Throws if there is none. */
export function createMounted(overlay: string, { spec, gateway }: GatewayPods) {
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
        return pemOf(file) ?? standIn(file);
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

/** The path of the configuration in the container's arguments. */
export const configPath = ({ args = [] }: Container) => args[args.indexOf('--config') + 1] ?? '';

/** The configuration of the gateway in a pod. */
export const gatewayConfig = (overlay: string, pods: GatewayPods) =>
  configSchema.parse(parse(createMounted(overlay, pods).readFile(configPath(pods.gateway))));

/** Whether a selector selects pods with these labels. */
export const matches = (selector: Record<string, string> | undefined, labels: Record<string, string>) =>
  Object.entries(selector ?? {}).every(([name, value]) => labels[name] === value);
