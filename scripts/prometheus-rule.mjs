// Generates the PrometheusRule of deploy/kustomize/overlays/prometheus, and the rules in the Helm chart, from deploy/prometheus/rules.yaml:
// kustomize can embed files in ConfigMaps only, and a chart can read its own files only. With --check it writes nothing and fails if one of
// them is out of date.
//
// --runbooks URL: gives each alert a `runbook_url`, as Alertmanager's notifications and Grafana link it. URL is where the docs folder of
//   this project is published; it has no default, because only the operator knows.
// --rules: writes the rules as Prometheus itself reads them, instead of the object of the Prometheus operator.
// --output FILE: where to write; `-` is standard output. Default: the overlay and the chart.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse, stringify } from 'yaml';

const deploy = join(import.meta.dirname, '../deploy');
const { values } = parseArgs({
  options: {
    check: { type: 'boolean' },
    runbooks: { type: 'string' },
    rules: { type: 'boolean' },
    output: { type: 'string' },
  },
});

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

if (values.runbooks !== undefined && !/^https?:\/\/[^\s?#]+$/.test(values.runbooks))
  fail('--runbooks: write an absolute address, e.g. https://git.example.com/atlas-gateway/docs');

/** The address of a runbook whose path in this project is `docs/runbooks/NAME.md`. */
const addressOf = (path) => `${values.runbooks.replace(/\/$/, '')}/${path.replace(/^docs\//, '')}`;

const linked = (rule) =>
  values.runbooks === undefined || rule.annotations === undefined
    ? rule
    : { ...rule, annotations: { ...rule.annotations, runbook_url: addressOf(rule.annotations.runbook) } };

const source = parse(readFileSync(join(deploy, 'prometheus/rules.yaml'), 'utf8'));
const groups = source.groups.map((group) => ({ ...group, rules: group.rules.map(linked) }));
const object = {
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: { name: 'atlas-gateway', labels: { 'app.kubernetes.io/name': 'atlas-gateway' } },
  spec: { groups },
};
const files =
  values.output === undefined
    ? [
        [join(deploy, 'kustomize/overlays/prometheus/prometheus-rule.yaml'), object],
        [join(deploy, 'helm/atlas-gateway/files/rules.yaml'), { groups }],
      ]
    : [[values.output, values.rules === true ? { groups } : object]];

for (const [file, content] of files) {
  const text = `# Generated from deploy/prometheus/rules.yaml by: npm run rules\n${stringify(content, { lineWidth: 0 })}`;
  if (file === '-') process.stdout.write(text);
  else if (values.check !== true) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) fail(`${file} is out of date; run: npm run rules`);
}
