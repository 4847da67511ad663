import { spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeFolder } from './built.ts';
import type { Manifest } from './manifests.ts';

/** The fields of Prometheus operator objects that the overlay uses; kubernetes-types does not include them. */
const MONITORING = `import type { ObjectMeta } from 'kubernetes-types/meta/v1';
type Duration = \`\${number}\${'s' | 'm' | 'h' | 'd'}\`;
interface Endpoint { port: string; path: string; scheme?: 'http' | 'https'; interval: Duration; scrapeTimeout: Duration }
interface Recording { record: string; expr: string; labels?: Record<string, string> }
interface Alert {
  alert: string; expr: string; for?: Duration; keep_firing_for?: Duration;
  labels?: Record<string, string>; annotations?: Record<string, string>;
}
interface Custom<Kind, Spec> { apiVersion: 'monitoring.coreos.com/v1'; kind: Kind; metadata: ObjectMeta; spec: Spec }
export type PodMonitor = Custom<'PodMonitor', {
  selector: { matchLabels: Record<string, string> }; podMetricsEndpoints: Endpoint[];
}>;
export type ServiceMonitor = Custom<'ServiceMonitor', {
  selector: { matchLabels: Record<string, string> }; endpoints: Endpoint[];
}>;
export type PrometheusRule = Custom<'PrometheusRule', {
  groups: { name: string; interval?: Duration; rules: (Recording | Alert)[] }[];
}>;
`;

/** Type-checks the objects of an overlay; unknown or misspelt fields are errors. */
export function typeErrors(objects: readonly Manifest[]): string {
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
