import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { STATUS_BY_CODE } from '../../src/gateway/gateway-error.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSimulator, type Simulator } from '../../src/simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { type Built, makeFolder, removeFolders, serveBuilt } from '../support/built.ts';
import { type Dashboard, isRow } from '../support/dashboard.ts';
import { lists as operations } from '../support/lists.ts';
import { isInstalled, metricsIn, type RunningPrometheus, startPrometheus } from '../support/prometheus.ts';
import { ACCEPT, ask, CALLER_KEY, CALLER_SECRET, linksOf } from '../support/running.ts';

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Metrics that are there only where something is configured or has happened that this file does not bring about. */
const CONDITIONAL: Readonly<Record<string, string>> = {
  atlas_gateway_shared_connected: 'where a shared tier is configured',
  atlas_gateway_shared_requests_total: 'where a shared tier is configured',
  atlas_gateway_shared_request_duration_seconds_bucket: 'where a shared tier is configured',
};

const RULES = 'deploy/prometheus/rules.yaml';
const { groups }: { groups: { rules: Rule[] }[] } = parse(readFileSync(RULES, 'utf8'));
const rules = groups.flatMap((group) => group.rules);
const recorded = rules.flatMap(({ record = [] }) => record);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const dashboard: Dashboard = JSON.parse(readFileSync('deploy/grafana/dashboard.json', 'utf8'));

const PAGES = 'docs/runbooks';
const runbooks = readdirSync(PAGES)
  .filter((name) => name !== 'README.md')
  .map((name) => ({ name: name.replace(/\.md$/, ''), text: readFileSync(join(PAGES, name), 'utf8') }));
const blocks = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, code = '']) => code);

const noPromtool = !isInstalled('promtool', 'the rules are not checked with it');
const noPrometheus = !isInstalled(
  'prometheus',
  'rules, dashboard and runbooks are not held against a running gateway',
);

test.skipIf(noPromtool)(
  'promtool takes the rules and the sample configuration, and finds nothing wrong',
  () => {
    for (const args of [
      ['check', 'rules', '--lint=all', '--lint-fatal', 'rules.yaml'],
      ['check', 'config', '--lint=all', '--lint-fatal', 'prometheus.yaml'],
    ]) {
      const { status, stdout, stderr } = spawnSync('promtool', args, {
        cwd: 'deploy/prometheus',
        encoding: 'utf8',
      });
      expect(status, `${stdout}${stderr}`).toBe(0);
    }
  },
);

test.skipIf(noPromtool)('each alert fires when it should, and is silent when it should not', () => {
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'rules.test.yaml'], {
    cwd: 'deploy/prometheus',
    encoding: 'utf8',
  });
  expect(status, `${stdout}${stderr}`).toBe(0);
});

test('each alert, of each severity, is shown to fire', () => {
  interface Cases {
    tests: {
      alert_rule_test?: {
        alertname: string;
        exp_alerts: { exp_labels: Record<string, string> }[];
      }[];
    }[];
  }
  const { tests }: Cases = parse(readFileSync('deploy/prometheus/rules.test.yaml', 'utf8'));
  const shown = new Set(
    tests.flatMap(({ alert_rule_test: cases = [] }) =>
      cases.flatMap(({ alertname, exp_alerts: expected }) =>
        expected.map(({ exp_labels: labels }) => `${alertname} ${labels['severity']}`),
      ),
    ),
  );
  expect([...shown].sort()).toEqual(
    alerts.map(({ alert, labels }) => `${alert} ${labels?.['severity']}`).sort(),
  );
});

test('each alert has a severity, waits a while, and says what it is about and where to read on', () => {
  for (const { alert, labels, annotations, for: wait } of alerts) {
    expect(labels?.['severity'], alert).toMatch(/^(critical|warning)$/);
    expect(wait, alert).toMatch(/^\d+[mh]$/);
    expect(annotations, alert).toEqual({
      summary: expect.stringMatching(/^.{10,80}$/),
      description: expect.stringMatching(/\.$/),
      runbook: `${PAGES}/${alert}.md`,
    });
  }
});

test('each alert has a runbook and each runbook an alert, and the list of them is whole', () => {
  const names = [...new Set(alerts.map(({ alert }) => alert))].sort();
  expect(runbooks.map(({ name }) => name).sort()).toEqual(names);
  const list = readFileSync(join(PAGES, 'README.md'), 'utf8');
  const listed = [...list.matchAll(/^\| \[(\w+)\]\(\1\.md\) +\| ([a-z, ]+?) +\|/gm)].map(
    ([, name, severities]) => [name, severities],
  );
  const severitiesOf = (name: string | undefined) =>
    alerts
      .filter(({ alert }) => alert === name)
      .map(({ labels }) => labels?.['severity'])
      .sort()
      .reverse()
      .join(', ');
  expect(listed.sort()).toEqual(names.map((name) => [name, severitiesOf(name)]));
});

test('each runbook has the same six parts, and links to pages that are there', () => {
  let [linked, panelsNamed] = [0, 0];
  for (const { name, text } of runbooks) {
    expect([...text.matchAll(/^##? (.+)$/gm)].map(([, heading]) => heading)).toEqual([
      name,
      'What it means',
      'How urgent',
      'What users see',
      'Confirm',
      'What to do',
      'Prevent',
    ]);
    const known = new Set(runbooks.map((one) => `${one.name}.md`));
    const pages = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, page]) => page);
    linked += pages.length;
    for (const page of pages) expect(known, name).toContain(page);
    const panels = new Set(dashboard.panels.map(({ title }) => title));
    const shown = [...text.matchAll(/panel _([^_]+)_/g)].map(([, panel]) => panel);
    panelsNamed += shown.length;
    for (const panel of shown) expect(panels, name).toContain(panel);
  }
  expect(Math.min(linked, panelsNamed)).toBeGreaterThan(3);
});

test('settings that runbooks name are those of the configuration', () => {
  interface Node {
    properties?: Record<string, Node>;
    items?: Node;
    anyOf?: Node[];
  }
  const schema: Node = JSON.parse(readFileSync('config/gateway.schema.json', 'utf8'));
  const stepInto = (node: Node, name: string): Node | undefined =>
    node.properties?.[name] ??
    node.anyOf?.map((one) => stepInto(one, name)).find((found) => found !== undefined);
  const isSetting = (path: string) => {
    let node: Node | undefined = schema;
    for (const name of path.split('.')) {
      const inner: Node | undefined = node === undefined ? undefined : stepInto(node, name.replace('[]', ''));
      node = name.endsWith('[]') ? inner?.items : inner;
    }
    return node !== undefined;
  };
  const tops = Object.keys(schema.properties ?? {}).join('|');
  const named = runbooks.flatMap(({ text }) =>
    [...text.matchAll(new RegExp(`\`((?:${tops})(?:\\[\\])?\\.[\\w.[\\]]+)\``, 'g'))].map(
      ([, path = '']) => path,
    ),
  );
  expect(new Set(named).size).toBeGreaterThan(10);
  expect(named.filter((path) => !isSetting(path))).toEqual([]);
});

test('error codes and commands that runbooks name are those of the gateway', () => {
  const prose = runbooks.map(({ text }) => text).join('\n');
  const codes = [...prose.matchAll(/`([A-Z]+_[A-Z_]+[A-Z])`/g)].map(([, code = '']) => code);
  expect(new Set(codes).size).toBeGreaterThan(3);
  expect(codes.filter((code) => !(code in STATUS_BY_CODE))).toEqual([]);
  const commands = new Set(
    [...prose.matchAll(/^(?:.*`)?atlas-gateway ([a-z-]+)([^`\n]*)/gm)].map(
      ([, name, flags]) => `${name}${flags}`,
    ),
  );
  expect(commands.size).toBeGreaterThan(1);
  for (const command of commands) {
    const [name = '', ...given] = command.split(' ');
    const help = execFileSync(process.execPath, ['bin/atlas-gateway.js', name, '--help'], {
      encoding: 'utf8',
    });
    for (const flag of given.filter((one) => one.startsWith('--'))) expect(help, command).toContain(flag);
  }
});

describe.skipIf(noPrometheus)('against a running gateway and a Prometheus that scrapes it', () => {
  const { orders, payments, search, single, hidden, empty } = SAMPLE_PROJECTS;
  const clusters = (project: { id: string }) => `/api/atlas/v2/groups/${project.id}/clusters`;
  const listsOf = (project: { id: string }) =>
    operations
      .filter(
        ({ path, versions, sensitivity }) =>
          /^[^{]*\{groupId\}[^{]*$/.test(path) &&
          versions[0]?.name === '2023-01-01' &&
          sensitivity === 'open',
      )
      .slice(0, 10)
      .map(({ path }) => path.replace('{groupId}', project.id));
  let simulator: Simulator;
  let gateway: Built;
  let prometheus: RunningPrometheus;
  /** A list in a version that has a sunset still to come, while the catalog has one. */
  const [deprecationHeaders] = operations
    .flatMap(({ path, versions }) => versions.map(({ name, sunset = '' }) => ({ path, name, sunset })))
    .filter(
      ({ path, sunset }) => sunset > new Date().toISOString().slice(0, 10) && !/\{(?!groupId)/.test(path),
    )
    .sort((one, other) => (one.sunset < other.sunset ? 1 : -1));
  const conditional = {
    ...CONDITIONAL,
    ...(deprecationHeaders === undefined
      ? { atlas_gateway_deprecated_requests_total: 'where a version has a sunset' }
      : {}),
  };

  const statuses = new Set<number>();
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const reply = await ask(gateway.origin, path, { headers: { accept: ACCEPT, ...headers } });
    statuses.add(reply.status);
    return reply;
  };
  const lines = (): Record<string, unknown>[] =>
    gateway
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  const told = (message: string, result: string) =>
    lines().some(({ msg, outcome }) => msg === message && outcome === result);

  // First, because the others look at what it leaves: a gateway that has met every kind of request and trouble.
  test('requests and trouble of every kind are answered while Prometheus scrapes', async () => {
    simulator = createSimulator({}, { clock: createSystemClock(), random: createSystemRandom() });
    const atlas = await simulator.listen(0);
    const folder = makeFolder();
    const secret = join(folder, 'secret');
    writeFileSync(secret, SAMPLE_CREDENTIALS.serviceAccount.clientSecret);
    gateway = await serveBuilt(
      `listen: { port: 0 }
admin: { port: 0 }
upstream: { origin: '${atlas}', timeout: 2s }
credentials:
  - name: sample
    serviceAccount: { clientId: { env: ID }, clientSecret: { file: '${secret}' } }
    expires: 2020-01-01
  - name: second
    serviceAccount: { clientId: { env: ID }, clientSecret: { env: SECRET } }
    projects: ['${empty.id}']
callers:
  - name: team-orders
    keys: [{ id: agw_CanaryKey001, sha256: "${createHash('sha256').update(CALLER_SECRET).digest('hex')}" }]
    projects: ['${orders.id}']
anonymous: { projects: all, organizations: all }
metrics: { privateLinkConnections: true }
cache:
  snapshot: { path: '${join(folder, 'cache')}', encryptionKey: { env: CACHE_KEY } }
  operations: { listGroupStreamPrivateLinkConnections: { fresh: 0ms } }
`,
      { env: { CACHE_KEY: 'k'.repeat(40) } },
    );
    prometheus = await startPrometheus({ folder, admin: gateway.admin, rules: RULES });
    const key = { authorization: `Bearer ${CALLER_KEY}` };

    // Ten lists that fail before anything has succeeded open the circuit of their credential; a probe closes it.
    simulator.faults.add({ target: empty.id, status: 503 });
    await Promise.all(listsOf(empty).map((path) => get(path)));
    simulator.faults.clear();
    // A miss, hits, and a list across projects.
    for (const path of [clusters(orders), clusters(orders), clusters(single), '/api/atlas/v2/groups'])
      await get(path);
    // A long list that several wait for; then stale, and refreshed beside the answer.
    simulator.faults.add({ target: payments.id, times: 1, delayMs: 200 });
    await Promise.all([1, 2, 3].map(() => get(linksOf(payments))));
    await get(linksOf(payments));
    await get(linksOf(orders), key);
    await get(linksOf(orders), { ...key, 'cache-control': 'no-cache' });
    // Refusals of every kind.
    await get(linksOf(payments), key);
    await get('/nowhere');
    await get(linksOf(orders), { authorization: 'Bearer nonsense' });
    await get(linksOf(hidden));
    await get(clusters(search), { 'cache-control': 'only-if-cached' });
    if (deprecationHeaders !== undefined)
      await get(deprecationHeaders.path.replace('{groupId}', orders.id), {
        accept: `application/vnd.atlas.${deprecationHeaders.name}+json`,
      });
    // Purged, and asked for again.
    const purge = JSON.stringify({ project: orders.id, operation: 'listGroupClusters' });
    await ask(gateway.admin, '/cache/purge', { method: 'POST', body: purge });
    await get(clusters(orders));
    await ask(gateway.admin, '/cache/purge', {
      method: 'POST',
      body: JSON.stringify({ project: single.id }),
    });
    // Atlas stumbles once, then fails: what is held is kept, the rest is an error, and the circuit opens.
    simulator.faults.add({ target: search.id, times: 1, status: 503 });
    await get(clusters(search));
    simulator.faults.add({ target: '/api/atlas/', status: 503 });
    await get(linksOf(orders), key);
    for (const path of [clusters(payments), linksOf(search)]) await get(path);
    // A secret that Atlas does not know, and then none at all.
    writeFileSync(secret, 'mdb_sa_sk_unknown');
    await expect.poll(() => told('credential renewal', 'kept'), { timeout: 5_000 }).toBe(true);
    rmSync(secret);
    await expect.poll(() => told('configuration reload', 'rejected'), { timeout: 5_000 }).toBe(true);
    expect([...statuses].sort()).toEqual([200, 401, 403, 404, 502, 503, 504]);
  }, 30_000);

  afterAll(async () => {
    await prometheus?.stop();
    gateway?.child.kill('SIGINT');
    await gateway?.ended;
    await simulator?.close();
    removeFolders();
  });

  /** What the page of a panel puts in place of its variables. */
  const filledIn = (expression: string) =>
    expression.replaceAll(/\$(?:job|instance)\b/g, '.*').replaceAll('$__rate_interval', '30s');
  const queries = dashboard.panels
    .filter((panel) => !isRow(panel))
    .flatMap(({ title, targets = [] }) =>
      targets.map(({ expr, legendFormat }) => ({ title, expr: filledIn(expr), legendFormat })),
    );
  const promql = runbooks.flatMap(({ name, text }) => blocks(text, 'promql').map((expr) => ({ name, expr })));
  const everything = [
    ...rules.map(({ expr }) => expr),
    ...queries.map(({ expr }) => expr),
    ...dashboard.annotations.list.map(({ expr }) => filledIn(expr)),
    ...promql.map(({ expr }) => expr),
  ];
  const isConditional = (expression: string) => metricsIn(expression).some((name) => name in conditional);

  test('every metric that rules, dashboard and runbooks read is there', async () => {
    const names = [...new Set(everything.flatMap(metricsIn))];
    expect(names.length).toBeGreaterThan(40);
    const absent = async () => {
      // Ratios are there while somebody asks.
      await get(clusters(orders));
      const found = await Promise.all(names.map((name) => prometheus.query(name)));
      return names.filter((name, index) => found[index]?.length === 0 && !(name in conditional));
    };
    await expect.poll(absent, { timeout: 15_000, interval: 250 }).toEqual([]);
  });

  test('every recording rule gives series, every alert can be evaluated', async () => {
    const without = async () => {
      await get(clusters(orders));
      const found = await Promise.all(recorded.map((name) => prometheus.query(name)));
      return recorded.filter((_name, index) => found[index]?.length === 0);
    };
    await expect.poll(without, { timeout: 15_000, interval: 250 }).toEqual([]);
    for (const { expr } of alerts) await prometheus.query(expr);
    // They wait before they fire, which promtool shows; here they have begun to.
    const waiting = (await prometheus.query('ALERTS')).map(({ metric }) => metric['alertname']);
    expect(waiting).toEqual(
      expect.arrayContaining(['AtlasGatewayCredentialExpiring', 'AtlasGatewayReloadFailed']),
    );
    expect(waiting).not.toContain('AtlasGatewayDown');
  });

  test('every query of the dashboard shows something, with the labels its legend names', async () => {
    const expected = queries.filter(({ expr }) => !isConditional(expr));
    const empty = async () => {
      await get(clusters(orders));
      const found = await Promise.all(expected.map(({ expr }) => prometheus.query(expr)));
      return expected.filter((_one, index) => found[index]?.length === 0);
    };
    await expect.poll(empty, { timeout: 15_000, interval: 250 }).toEqual([]);
    for (const { title, expr, legendFormat } of queries) {
      const series = await prometheus.query(expr);
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        for (const { metric } of series) expect(metric, `${title}: ${expr}`).toHaveProperty(label);
    }
    for (const { definition } of dashboard.templating.list) {
      const [, metric, label] = /^label_values\((.+), (\w+)\)$/.exec(definition ?? '') ?? [];
      if (metric === undefined || label === undefined) continue;
      const values = (await prometheus.query(filledIn(metric))).map((series) => series.metric[label]);
      expect(values).not.toEqual([]);
    }
    for (const { expr } of dashboard.annotations.list) await prometheus.query(filledIn(expr));
  });

  test('every query of a runbook runs', async () => {
    expect(promql.length).toBeGreaterThan(runbooks.length);
    for (const { expr } of promql) await prometheus.query(expr);
  });

  test('metrics that runbooks and the operating page name are there', async () => {
    const { text } = await ask(gateway.admin, '/metrics');
    const known = new Set([...text.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name));
    const pages = [...runbooks.map((one) => one.text), readFileSync('docs/operating.md', 'utf8')].join('\n');
    const named = [...pages.matchAll(/`((?:atlas|nodejs|process)_[a-z_]+[a-z])[`{]/g)].map(
      ([, name = '']) => name,
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !known.has(name) && !(name in conditional))).toEqual([]);
  });

  test('addresses of the admin listener that runbooks ask are answered', async () => {
    const asked = runbooks.flatMap(({ name, text }) =>
      blocks(text, 'sh').flatMap((code) =>
        [...code.matchAll(/curl (.*)http:\/\/127\.0\.0\.1:9090(\/\S*)/g)].map(
          ([, options = '', path = '']) => ({
            name,
            method: /-X (\w+)/.exec(options)?.[1] ?? 'GET',
            body: /-d "(.*)"/.exec(options)?.[1]?.replaceAll('\\"', '"').replace('$PROJECT', orders.id),
            path,
          }),
        ),
      ),
    );
    expect(asked.length).toBeGreaterThan(3);
    for (const { name, method, body, path } of asked) {
      const { status } = await ask(gateway.admin, path, { method, ...(body === undefined ? {} : { body }) });
      expect(status, `${name}: ${method} ${path}`).toBe(200);
    }
  });

  test('log lines that runbooks look for are written, with the fields they look at', async () => {
    const written = lines();
    const programs = runbooks.flatMap(({ name, text }) =>
      [...text.matchAll(/logs \| jq (?:-\w )?'([^']+)'/g)].map(([, program = '']) => ({ name, program })),
    );
    expect(programs.length).toBeGreaterThan(8);
    for (const { name, program } of programs) {
      const message = /\.msg == "([^"]+)"/.exec(program)?.[1];
      const matching = written.filter(({ msg }) => msg === message);
      expect(matching, `${name}: ${message}`).not.toEqual([]);
      const fields = new Set(matching.flatMap((line) => Object.keys(line)));
      const bare = program.replaceAll(/"[^"]*"/g, '');
      const taken = [
        ...[...bare.matchAll(/\.([a-zA-Z]+)/g)].map(([, field]) => field),
        ...(/\{([^}]+)\}/.exec(bare)?.[1]?.split(/,\s*/) ?? []),
      ];
      for (const field of taken) expect(fields, `${name}: ${program}`).toContain(field);
    }
    // Named in a sentence rather than in a command.
    expect(written.map(({ msg }) => msg)).toContain('cache purged');
  });
});
