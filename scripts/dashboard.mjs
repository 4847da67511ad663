// Writes deploy/grafana/dashboard.json, a Grafana dashboard; with --check it only says whether the file is what this script writes.
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = new URL('../deploy/grafana/dashboard.json', import.meta.url);
const COLUMNS = 24;
const DATASOURCE = { type: 'prometheus', uid: '$datasource' };
/** What every selector begins with: the gateways that are chosen at the top of the page. */
const CHOSEN = 'job=~"$job",instance=~"$instance"';
const of = (metric, more = '') => `${metric}{${CHOSEN}${more === '' ? '' : `,${more}`}}`;
const rate = (metric, more) => `rate(${of(metric, more)}[$__rate_interval])`;
const sumBy = (labels, inner) => `sum by (${labels}) (${inner})`;
/** A ratio of sums that is 0 rather than absent where the upper one has no series yet, and absent where nobody asks. */
const ratio = (part, whole) => `(sum(${part}) or vector(0)) / (sum(${whole}) > 0)`;
const quantile = (q, by, metric) =>
  `histogram_quantile(${q}, ${sumBy(['le', ...by].join(', '), rate(`${metric}_bucket`))})`;

const query = (expr, legend = '') => ({ expr, legend });
/** Colours from a value on: `steps('green', [0.7, 'yellow'])`. */
const steps = (base, ...later) => [
  { color: base, value: null },
  ...later.map(([value, color]) => ({ color, value })),
];
const runbook = (alert) => ({
  title: `Runbook: ${alert}`,
  url: `$docs/runbooks/${alert}.md`,
  targetBlank: true,
});

const target = ({ expr, legend }, index, { instant, format }) => ({
  refId: String.fromCharCode(65 + index),
  datasource: DATASOURCE,
  editorMode: 'code',
  expr,
  legendFormat: legend === '' ? '__auto' : legend,
  ...(instant ? { instant: true, range: false } : { instant: false, range: true }),
  ...(format === undefined ? {} : { format }),
});

const COMMON = (
  { title, description, unit, queries, thresholds, runbooks = [], min, max, decimals, mappings },
  how,
) => ({
  title,
  description,
  datasource: DATASOURCE,
  links: runbooks.map(runbook),
  targets: queries.map((one, index) => target(one, index, how)),
  fieldConfig: {
    defaults: {
      unit,
      color: { mode: how.color },
      thresholds: { mode: 'absolute', steps: thresholds ?? steps('green') },
      mappings: mappings ?? [],
      ...(min === undefined ? {} : { min }),
      ...(max === undefined ? {} : { max }),
      ...(decimals === undefined ? {} : { decimals }),
      ...(how.custom === undefined ? {} : { custom: how.custom }),
    },
    overrides: how.overrides ?? [],
  },
});

/** One number, coloured by its thresholds. */
const stat = (given) => ({
  type: 'stat',
  width: 3,
  height: 4,
  ...COMMON(given, { instant: true, color: 'thresholds' }),
  options: {
    colorMode: 'value',
    graphMode: 'none',
    justifyMode: 'auto',
    orientation: 'auto',
    textMode: 'auto',
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  },
});

/** Lines over time; `stacked` where their sum means something, `bounds` names queries that are limits and drawn as such. */
const lines = ({ stacked = false, bounds = [], width = 12, ...given }) => ({
  type: 'timeseries',
  width,
  height: 8,
  ...COMMON(
    { min: 0, ...given },
    {
      instant: false,
      color: 'palette-classic',
      custom: {
        drawStyle: 'line',
        lineWidth: 1,
        fillOpacity: stacked ? 25 : 8,
        showPoints: 'never',
        spanNulls: false,
        stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
        thresholdsStyle: { mode: given.thresholds === undefined ? 'off' : 'dashed' },
      },
      overrides: bounds.map((name) => ({
        matcher: { id: 'byName', options: name },
        properties: [
          { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 8] } },
          { id: 'custom.fillOpacity', value: 0 },
          { id: 'color', value: { mode: 'fixed', fixedColor: 'red' } },
        ],
      })),
    },
  ),
  options: {
    legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['lastNotNull', 'max'] },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
});

/** Bars of what is now, longest first. */
const bars = ({ width = 12, ...given }) => ({
  type: 'bargauge',
  width,
  height: 8,
  ...COMMON({ min: 0, ...given }, { instant: true, color: 'thresholds' }),
  options: {
    displayMode: 'basic',
    orientation: 'horizontal',
    showUnfilled: true,
    valueMode: 'text',
    namePlacement: 'auto',
    sizing: 'auto',
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  },
});

/** States over time. */
const states = ({ width = 12, ...given }) => ({
  type: 'state-timeline',
  width,
  height: 8,
  ...COMMON(given, { instant: false, color: 'thresholds', custom: { fillOpacity: 70, lineWidth: 0 } }),
  options: {
    mergeValues: true,
    showValue: 'never',
    rowHeight: 0.8,
    alignValue: 'left',
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
    tooltip: { mode: 'single', sort: 'none' },
  },
});

const yesNo = (yes, no, bad) => [
  {
    type: 'value',
    options: {
      0: { text: no, color: bad === 0 ? 'red' : 'green', index: 0 },
      1: { text: yes, color: bad === 1 ? 'red' : 'green', index: 1 },
    },
  },
];

const REQUESTS = 'atlas_gateway_requests_total';
const UPSTREAM = 'atlas_gateway_upstream_requests_total';
const ASKED = 'cache!="none"';

const ROWS = [
  {
    title: 'At a glance',
    panels: [
      stat({
        title: 'Gateways up',
        description: 'Processes that answer scrapes.',
        unit: 'short',
        queries: [query(`count(${of('atlas_gateway_build_info')})`, 'up')],
        thresholds: steps('red', [1, 'green']),
        runbooks: ['AtlasGatewayAbsent', 'AtlasGatewayDown'],
      }),
      stat({
        title: 'Requests',
        description: 'Requests answered a second.',
        unit: 'reqps',
        queries: [query(`sum(${rate(REQUESTS)})`, 'requests')],
        thresholds: steps('blue'),
      }),
      stat({
        title: 'Hit ratio',
        description:
          'Of the requests that reached the cache, the part that waited for nobody (hit and stale).',
        unit: 'percentunit',
        decimals: 1,
        queries: [query(ratio(rate(REQUESTS, 'cache=~"hit|stale"'), rate(REQUESTS, ASKED)), 'from memory')],
        thresholds: steps('red', [0.5, 'yellow'], [0.8, 'green']),
        runbooks: ['AtlasGatewayHitRatioFallen'],
      }),
      stat({
        title: 'Error ratio',
        description:
          "5xx of all answers but 501, which says that a path is not served: the gateway's own, because Atlas's reach callers as 502.",
        unit: 'percentunit',
        decimals: 2,
        queries: [query(ratio(rate(REQUESTS, 'code=~"5..",code!="501"'), rate(REQUESTS)), '5xx')],
        thresholds: steps('green', [0.01, 'yellow'], [0.05, 'red']),
        runbooks: ['AtlasGatewayErrorRatio'],
      }),
      stat({
        title: 'Atlas calls saved',
        description:
          'Part of the requests for lists that cost no call to Atlas. Negative after a start, while whole lists are walked.',
        unit: 'percentunit',
        decimals: 1,
        queries: [query(`1 - ${ratio(rate(UPSTREAM), rate(REQUESTS, ASKED))}`, 'saved')],
        thresholds: steps('red', [0, 'yellow'], [0.7, 'green']),
      }),
      stat({
        title: 'Least budget left',
        description: "The emptiest of Atlas's rate limits, of all credentials and endpoint sets.",
        unit: 'percentunit',
        decimals: 0,
        queries: [
          query(
            `min(${of('atlas_gateway_upstream_budget_remaining')} / ${of('atlas_gateway_upstream_budget_capacity')})`,
            'left',
          ),
        ],
        thresholds: steps('red', [0.02, 'yellow'], [0.25, 'green']),
        runbooks: ['AtlasGatewayBudgetRunningOut'],
      }),
      stat({
        title: 'Open circuits',
        description: 'Credentials with which Atlas is left alone, because it failed several times in a row.',
        unit: 'short',
        queries: [query(`sum(${of('atlas_gateway_upstream_circuit_open')})`, 'open')],
        thresholds: steps('green', [1, 'red']),
        runbooks: ['AtlasGatewayCircuitOpen'],
      }),
      stat({
        title: 'Next secret ends in',
        description: 'Time until the first secret of a credential ends, where the configuration says when.',
        unit: 's',
        decimals: 0,
        queries: [query(`min(${of('atlas_gateway_credential_expiry_timestamp_seconds')}) - time()`, 'left')],
        thresholds: steps('red', [3 * 86_400, 'yellow'], [14 * 86_400, 'green']),
        runbooks: ['AtlasGatewayCredentialExpiring'],
      }),
      {
        ...lines({
          title: 'Alerts',
          description: "Alerts of this project's rules, pending and firing. Empty where all is well.",
          unit: 'short',
          stacked: true,
          width: COLUMNS,
          queries: [
            query(
              'count by (alertname, severity, alertstate) (ALERTS{alertname=~"Atlas(Gateway|PrivateLink).*"})',
              '{{alertname}} {{severity}} {{alertstate}}',
            ),
          ],
        }),
        height: 6,
      },
    ],
  },
  {
    title: 'Traffic',
    panels: [
      lines({
        title: 'Requests by team',
        description: 'Requests answered, by caller. `none`: nobody was recognised.',
        unit: 'reqps',
        stacked: true,
        queries: [query(sumBy('caller', rate(REQUESTS)), '{{caller}}')],
      }),
      lines({
        title: 'Requests by cache outcome',
        description: 'Where answers came from. `none`: no list was looked for, as with a refusal.',
        unit: 'reqps',
        stacked: true,
        queries: [query(sumBy('cache', rate(REQUESTS)), '{{cache}}')],
      }),
      lines({
        title: 'Hit ratio by team',
        description: 'Of the requests that reached the cache, the part that waited for nobody, by caller.',
        unit: 'percentunit',
        max: 1,
        queries: [
          query(
            `(${sumBy('caller', rate(REQUESTS, 'cache=~"hit|stale"'))} or 0 * ${sumBy('caller', rate(REQUESTS, ASKED))}) / (${sumBy('caller', rate(REQUESTS, ASKED))} > 0)`,
            '{{caller}}',
          ),
        ],
        runbooks: ['AtlasGatewayHitRatioFallen'],
      }),
      lines({
        title: 'Errors by code',
        description: "Answers from 400 on, by status. 5xx are the gateway's own; a 4xx is either's.",
        unit: 'reqps',
        stacked: true,
        queries: [query(sumBy('code', rate(REQUESTS, 'code=~"[45].."')), '{{code}}')],
        runbooks: ['AtlasGatewayErrorRatio'],
      }),
      bars({
        title: 'Lists most asked for',
        description: 'The ten operations with the most requests.',
        unit: 'reqps',
        queries: [query(`topk(10, ${sumBy('operation', rate(REQUESTS))})`, '{{operation}}')],
        thresholds: steps('blue'),
      }),
      lines({
        title: 'Errors by team',
        description: 'Answers from 400 on, by caller: who is refused, or asks for what is not there.',
        unit: 'reqps',
        stacked: true,
        queries: [query(sumBy('caller', rate(REQUESTS, 'code=~"[45].."')), '{{caller}}')],
      }),
    ],
  },
  {
    title: 'Latency',
    panels: [
      lines({
        title: 'Half of the answers, by cache outcome',
        description: 'Time from request to answer that half of the requests stay below (p50).',
        unit: 's',
        queries: [query(quantile(0.5, ['cache'], 'atlas_gateway_request_duration_seconds'), '{{cache}} p50')],
      }),
      lines({
        title: 'Slowest hundredth, by cache outcome',
        description: 'Time from request to answer that 99 of 100 requests stay below (p99).',
        unit: 's',
        queries: [
          query(quantile(0.99, ['cache'], 'atlas_gateway_request_duration_seconds'), '{{cache}} p99'),
        ],
        runbooks: ['AtlasGatewayEventLoopLag'],
      }),
    ],
  },
  {
    title: 'Atlas',
    panels: [
      lines({
        title: 'Atlas calls saved',
        description:
          'Answers that cost no call of their own (hit, stale, coalesced), and the calls to Atlas that were made.',
        unit: 'reqps',
        queries: [
          query(`sum(${rate(REQUESTS, 'cache=~"hit|stale|coalesced"')})`, 'answered without a call'),
          query(`sum(${rate(UPSTREAM)})`, 'calls to Atlas'),
        ],
      }),
      lines({
        title: 'Calls to Atlas by outcome',
        description: "Status of Atlas's answers, or the gateway's code where there was none.",
        unit: 'reqps',
        stacked: true,
        queries: [query(sumBy('code', rate(UPSTREAM)), '{{code}}')],
        runbooks: ['AtlasGatewayServingStale', 'AtlasGatewayCircuitOpen'],
      }),
      lines({
        title: 'Budget left by endpoint set',
        description:
          "Part of each of Atlas's rate limits that is left. Below a half lists count as fresh for longer; below a quarter they are not refreshed in the background.",
        unit: 'percentunit',
        max: 1,
        thresholds: steps('red', [0.02, 'yellow'], [0.25, 'green']),
        queries: [
          query(
            `min by (credential, endpoint_set) (${of('atlas_gateway_upstream_budget_remaining')} / ${of('atlas_gateway_upstream_budget_capacity')})`,
            '{{credential}} {{endpoint_set}}',
          ),
        ],
        runbooks: ['AtlasGatewayBudgetRunningOut'],
      }),
      states({
        title: 'Circuits',
        description:
          'Whether Atlas is left alone with a credential, because it failed several times in a row.',
        unit: 'short',
        mappings: yesNo('open', 'closed', 1),
        thresholds: steps('green', [1, 'red']),
        queries: [query(of('atlas_gateway_upstream_circuit_open'), '{{credential}} {{instance}}')],
        runbooks: ['AtlasGatewayCircuitOpen'],
      }),
      lines({
        title: 'How long Atlas takes',
        description: 'Time of one call to Atlas, by credential.',
        unit: 's',
        queries: [
          query(
            quantile(0.5, ['credential'], 'atlas_gateway_upstream_request_duration_seconds'),
            '{{credential}} p50',
          ),
          query(
            quantile(0.99, ['credential'], 'atlas_gateway_upstream_request_duration_seconds'),
            '{{credential}} p99',
          ),
        ],
      }),
      lines({
        title: 'Calls asked again',
        description: 'Calls to Atlas that were repeated, by what went wrong the first time.',
        unit: 'reqps',
        stacked: true,
        queries: [query(sumBy('reason', rate('atlas_gateway_upstream_retries_total')), '{{reason}}')],
      }),
    ],
  },
  {
    title: 'Credentials',
    panels: [
      bars({
        title: 'Time left of secrets',
        description: 'Until the secret of each credential ends, where `credentials[].expires` says when.',
        unit: 's',
        decimals: 0,
        thresholds: steps('red', [3 * 86_400, 'yellow'], [14 * 86_400, 'green']),
        queries: [
          query(
            `min by (credential) (${of('atlas_gateway_credential_expiry_timestamp_seconds')}) - time()`,
            '{{credential}}',
          ),
        ],
        runbooks: ['AtlasGatewayCredentialExpiring'],
      }),
      lines({
        title: 'Renewals',
        description:
          'Tokens and new secrets, by what came of them. `kept`: a new secret was refused and the old one stays.',
        unit: 'short',
        stacked: true,
        queries: [
          query(
            sumBy(
              'credential, outcome',
              `increase(${of('atlas_gateway_credential_renewals_total')}[$__rate_interval])`,
            ),
            '{{credential}} {{outcome}}',
          ),
        ],
        runbooks: ['AtlasGatewayCredentialRenewalFailing', 'AtlasGatewaySecretNotAccepted'],
      }),
    ],
  },
  {
    title: 'Cache',
    panels: [
      lines({
        title: 'Memory of the cache',
        description:
          'Bytes held by lists, prepared pages and listings that links lead back to, and how many may be, for each process.',
        unit: 'bytes',
        bounds: ['limit'],
        queries: [
          query(of('atlas_gateway_cache_bytes'), '{{instance}}'),
          query(`max(${of('atlas_gateway_cache_limit_bytes')})`, 'limit'),
        ],
      }),
      lines({
        title: 'Lists held',
        description: 'Listings in memory, for each process.',
        unit: 'short',
        queries: [query(of('atlas_gateway_cache_listings'), '{{instance}}')],
      }),
      bars({
        title: 'Cache by project',
        description:
          'Bytes of lists of the ten projects or organizations that hold most, in the process that holds most of them.',
        unit: 'bytes',
        thresholds: steps('blue'),
        queries: [
          query(`topk(10, max by (project) (${of('atlas_gateway_cache_project_bytes')}))`, '{{project}}'),
        ],
      }),
      bars({
        title: 'Lists by project',
        description: 'Number of lists of the ten projects or organizations with most of them.',
        unit: 'short',
        thresholds: steps('blue'),
        queries: [
          query(`topk(10, max by (project) (${of('atlas_gateway_cache_project_listings')}))`, '{{project}}'),
        ],
      }),
      lines({
        title: 'Evictions',
        description:
          'Lists that left before they were replaced. `capacity` and `project-share` say that `cache.maxBytes` or `cache.projectShare` is small.',
        unit: 'cps',
        stacked: true,
        queries: [query(sumBy('reason', rate('atlas_gateway_cache_evictions_total')), '{{reason}}')],
        runbooks: ['AtlasGatewayHitRatioFallen'],
      }),
      lines({
        title: 'Versions with a sunset',
        description: 'Lists read in a version that Atlas will switch off, and who reads them.',
        unit: 'reqps',
        stacked: true,
        queries: [
          query(
            sumBy('caller, operation, version', rate('atlas_gateway_deprecated_requests_total')),
            '{{caller}} {{operation}} {{version}}',
          ),
        ],
      }),
    ],
  },
  {
    title: 'Process',
    panels: [
      lines({
        title: 'Requests under way',
        description:
          'Requests being answered, and how many a process takes before it answers 503 OVERLOADED.',
        unit: 'short',
        bounds: ['limit'],
        queries: [
          query(of('atlas_gateway_requests_in_flight'), '{{instance}}'),
          query(`max(${of('atlas_gateway_requests_in_flight_limit')})`, 'limit'),
        ],
        runbooks: ['AtlasGatewaySaturated'],
      }),
      lines({
        title: 'Event loop lag',
        description: 'How late the process comes to what is due: p50 and p99 since the last scrape.',
        unit: 's',
        thresholds: steps('green', [0.2, 'red']),
        queries: [
          query(of('nodejs_eventloop_lag_p50_seconds'), '{{instance}} p50'),
          query(of('nodejs_eventloop_lag_p99_seconds'), '{{instance}} p99'),
        ],
        runbooks: ['AtlasGatewayEventLoopLag'],
      }),
      lines({
        title: 'Memory',
        description: 'Resident memory of the process, and the part that is its heap and its buffers.',
        unit: 'bytes',
        queries: [
          query(of('process_resident_memory_bytes'), '{{instance}} resident'),
          query(of('nodejs_heap_size_used_bytes'), '{{instance}} heap'),
          query(of('nodejs_external_memory_bytes'), '{{instance}} buffers'),
        ],
      }),
      lines({
        title: 'Processor',
        description: 'Processor time of each process; 1 is one core. Answers are made on one.',
        unit: 'short',
        queries: [query(rate('process_cpu_seconds_total'), '{{instance}}')],
        runbooks: ['AtlasGatewayEventLoopLag'],
      }),
      states({
        title: 'Configuration',
        description: 'Whether the last change of the configuration, or of a file it names, was taken over.',
        unit: 'short',
        mappings: yesNo('taken over', 'wrong, the old one stays', 0),
        thresholds: steps('red', [1, 'green']),
        queries: [query(of('atlas_gateway_config_last_reload_successful'), '{{instance}}')],
        runbooks: ['AtlasGatewayReloadFailed'],
      }),
      lines({
        title: 'Reloads and lost log lines',
        description:
          'Configurations read again, by outcome, and log lines that were dropped because nobody took them fast enough.',
        unit: 'short',
        queries: [
          query(
            sumBy('outcome', `increase(${of('atlas_gateway_config_reloads_total')}[$__rate_interval])`),
            'reload {{outcome}}',
          ),
          query(
            `sum(increase(${of('atlas_gateway_log_lines_dropped_total')}[$__rate_interval]))`,
            'log lines dropped',
          ),
        ],
        runbooks: ['AtlasGatewayReloadFailed'],
      }),
    ],
  },
  {
    title: 'Shared tier',
    panels: [
      states({
        title: 'Connected',
        description:
          'Whether Redis or Valkey can be reached. Without it the gateway goes on from its own memory. Empty where none is configured.',
        unit: 'short',
        width: 8,
        mappings: yesNo('connected', 'lost', 0),
        thresholds: steps('red', [1, 'green']),
        queries: [query(of('atlas_gateway_shared_connected'), '{{instance}}')],
        runbooks: ['AtlasGatewaySharedTierDisconnected'],
      }),
      lines({
        title: 'Questions to the shared tier',
        description: 'By what was asked and what came of it.',
        unit: 'reqps',
        width: 8,
        stacked: true,
        queries: [
          query(
            sumBy('operation, outcome', rate('atlas_gateway_shared_requests_total')),
            '{{operation}} {{outcome}}',
          ),
        ],
      }),
      lines({
        title: 'How long the shared tier takes',
        description: 'Time that 99 of 100 questions to it stay below (p99).',
        unit: 's',
        width: 8,
        queries: [
          query(
            quantile(0.99, ['operation'], 'atlas_gateway_shared_request_duration_seconds'),
            '{{operation}} p99',
          ),
        ],
      }),
    ],
  },
  {
    title: 'Private link connections',
    panels: [
      lines({
        title: 'Connections by state',
        description:
          'From the lists that are held; the replica that knows most counts. Empty where this metric is off.',
        unit: 'short',
        queries: [
          query(
            `sum by (state) (max by (project, provider, vendor, state) (${of('atlas_private_link_connections')}))`,
            '{{state}}',
          ),
        ],
      }),
      bars({
        title: 'Failed connections',
        description: 'Connections in state FAILED, by project, provider and vendor.',
        unit: 'short',
        thresholds: steps('green', [1, 'red']),
        queries: [
          query(
            `max by (project, provider, vendor) (${of('atlas_private_link_connections', 'state="FAILED"')}) > 0`,
            '{{project}} {{provider}} {{vendor}}',
          ),
        ],
        runbooks: ['AtlasPrivateLinkConnectionFailed'],
      }),
    ],
  },
];

/** Panels in rows from left to right, each row below what stands above it. */
function laidOut() {
  const panels = [];
  let y = 0;
  const add = ({ width, height, ...panel }, x) =>
    panels.push({ id: panels.length + 1, gridPos: { x, y, w: width, h: height }, ...panel });
  for (const row of ROWS) {
    add({ type: 'row', title: row.title, collapsed: false, panels: [], width: COLUMNS, height: 1 }, 0);
    y += 1;
    let x = 0;
    let lineHeight = 0;
    for (const panel of row.panels) {
      if (x + panel.width > COLUMNS) {
        x = 0;
        y += lineHeight;
        lineHeight = 0;
      }
      add(panel, x);
      x += panel.width;
      lineHeight = Math.max(lineHeight, panel.height);
    }
    y += lineHeight;
  }
  return panels;
}

const chooser = (name, label, selector) => ({
  name,
  label,
  type: 'query',
  datasource: DATASOURCE,
  definition: `label_values(${selector}, ${name})`,
  query: { qryType: 1, query: `label_values(${selector}, ${name})`, refId: name },
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  current: { selected: true, text: ['All'], value: ['$__all'] },
  options: [],
  regex: '',
  hide: 0,
});

const dashboard = {
  uid: 'atlas-gateway',
  title: 'atlas-gateway',
  description: 'A read gateway for MongoDB Atlas lists: who asks, what it costs, and how it is doing.',
  tags: ['atlas-gateway', 'mongodb-atlas'],
  // The last version of the classic form, which newer ones of Grafana still take.
  schemaVersion: 42,
  version: 1,
  editable: true,
  graphTooltip: 1,
  fiscalYearStartMonth: 0,
  liveNow: false,
  preload: false,
  refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  timepicker: {},
  timezone: 'browser',
  weekStart: '',
  links: [
    {
      type: 'link',
      title: 'Runbooks',
      icon: 'doc',
      url: '$docs/runbooks/README.md',
      targetBlank: true,
      tags: [],
    },
  ],
  annotations: {
    list: [
      {
        name: 'Restarts',
        datasource: DATASOURCE,
        enable: true,
        hide: false,
        iconColor: 'blue',
        expr: `changes(${of('process_start_time_seconds')}[$__rate_interval]) > 0`,
        titleFormat: 'restart of {{instance}}',
        step: '60s',
      },
    ],
  },
  templating: {
    list: [
      {
        name: 'datasource',
        label: 'Prometheus',
        type: 'datasource',
        query: 'prometheus',
        refresh: 1,
        regex: '',
        multi: false,
        includeAll: false,
        options: [],
        current: {},
        hide: 0,
      },
      chooser('job', 'Job', 'atlas_gateway_build_info'),
      chooser('instance', 'Instance', 'atlas_gateway_build_info{job=~"$job"}'),
      {
        name: 'docs',
        label: 'Docs at',
        description: 'Where the docs folder of atlas-gateway can be read: runbook links begin with it.',
        type: 'textbox',
        query: '/docs',
        current: { selected: true, text: '/docs', value: '/docs' },
        options: [],
        hide: 0,
      },
    ],
  },
  panels: laidOut(),
};

const text = `${JSON.stringify(dashboard, null, 2)}\n`;
if (process.argv.includes('--check')) {
  const current = readFileSync(FILE, 'utf8') === text;
  if (!current)
    process.stderr.write(
      'deploy/grafana/dashboard.json is not what scripts/dashboard.mjs writes: npm run dashboard\n',
    );
  process.exitCode = current ? 0 : 1;
} else writeFileSync(FILE, text);
