// Generates the PrometheusRule of deploy/kustomize/overlays/prometheus from deploy/prometheus/rules.yaml: kustomize can embed files in
// ConfigMaps, but not in other objects. With --check it writes nothing and fails if the file is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse, stringify } from 'yaml';

const deploy = join(import.meta.dirname, '../deploy');
const written = join(deploy, 'kustomize/overlays/prometheus/prometheus-rule.yaml');
const { values } = parseArgs({ options: { check: { type: 'boolean' } } });

const { groups } = parse(readFileSync(join(deploy, 'prometheus/rules.yaml'), 'utf8'));
const object = {
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: { name: 'atlas-gateway', labels: { 'app.kubernetes.io/name': 'atlas-gateway' } },
  spec: { groups },
};
const text = `# Generated from deploy/prometheus/rules.yaml by: npm run rules\n${stringify(object, { lineWidth: 0 })}`;
if (values.check !== true) writeFileSync(written, text);
else if (readFileSync(written, 'utf8') !== text) {
  process.stderr.write('prometheus-rule.yaml is out of date; run: npm run rules\n');
  process.exitCode = 1;
}
