// Generates deploy/grafana/dashboard.json, a Grafana dashboard, and its copy in the Helm chart, which can read its own files only. With
// --check it only reports whether they are up to date.
import { readFileSync, writeFileSync } from 'node:fs';

const FILES = ['grafana/dashboard.json', 'helm/atlas-gateway/files/dashboard.json'];
const COLUMNS = 24;
const DATASOURCE = { type: 'prometheus', uid: '$datasource' };
/** The label matchers of every selector: the gateways selected at the top of the page. */
const CHOSEN = 'job=~"$job",instance=~"$instance"';
const of = (metric, more = '') => `${metric}{${CHOSEN}${more === '' ? '' : `,${more}`}}`;
const rate = (metric, more) => `rate(${of(metric, more)}[$__rate_interval])`;
const sumBy = (labels, inner) => `sum by (${labels}) (${inner})`;
/** A ratio of sums that is 0 if the numerator has no series yet, and absent without traffic. */
const ratio = (part, whole) => `(sum(${part}) or vector(0)) / (sum(${whole}) > 0)`;
const quantile = (q, by, metric) =>
  `histogram_quantile(${q}, ${sumBy(['le', ...by].join(', '), rate(`${metric}_bucket`))})`;

const query = (expr, legend = '') => ({ expr, legend });
/** Colours by lower bound: `steps('green', [0.7, 'yellow'])`. */
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

/** Lines over time; `stacked` if their sum is meaningful, `bounds` names queries that are drawn as limits. */
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

/** Bars of current values, longest first. */
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
const REACHED_CACHE = 'cache!="none"';

const ROWS = [
  {
    title: 'At a glance',
    panels: [
      stat({
        title: 'Gateways up',
        description: 'Processes that Prometheus can scrape.',
        unit: 'short',
        queries: [query(`count(${of('atlas_gateway_build_info')})`, 'up')],
        thresholds: steps('red', [1, 'green']),
        runbooks: ['AtlasGatewayAbsent', 'AtlasGatewayDown'],
      }),
      stat({
        title: 'Requests',
        description: 'Completed requests per second.',
        unit: 'reqps',
        queries: [query(`sum(${rate(REQUESTS)})`, 'requests')],
        thresholds: steps('blue'),
      }),
      stat({
        title: 'Hit ratio',
        description:
          'Share of the requests that reached the cache and were served without waiting (hit and stale).',
        unit: 'percentunit',
        decimals: 1,
        queries: [
          query(ratio(rate(REQUESTS, 'cache=~"hit|stale"'), rate(REQUESTS, REACHED_CACHE)), 'from memory'),
        ],
        thresholds: steps('red', [0.5, 'yellow'], [0.8, 'green']),
        runbooks: ['AtlasGatewayHitRatioFallen'],
      }),
      stat({
        title: 'Error ratio',
        description:
          'Share of responses with 5xx, except for 501 (path not served). A 5xx from Atlas reaches callers as 502.',
        unit: 'percentunit',
        decimals: 2,
        queries: [query(ratio(rate(REQUESTS, 'code=~"5..",code!="501"'), rate(REQUESTS)), '5xx')],
        thresholds: steps('green', [0.01, 'yellow'], [0.05, 'red']),
        runbooks: ['AtlasGatewayErrorRatio'],
      }),
      stat({
        title: 'Atlas calls saved',
        description:
          'Share of list requests that caused no call to Atlas. Negative after a start, while complete lists are walked.',
        unit: 'percentunit',
        decimals: 1,
        queries: [query(`1 - ${ratio(rate(UPSTREAM), rate(REQUESTS, REACHED_CACHE))}`, 'saved')],
        thresholds: steps('red', [0, 'yellow'], [0.7, 'green']),
      }),
      stat({
        title: 'Lowest budget left',
        description: 'The lowest Atlas rate limit budget of all credentials and endpoint sets.',
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
        description: 'Credentials whose circuit breaker is open.',
        unit: 'short',
        queries: [query(`sum(${of('atlas_gateway_upstream_circuit_open')})`, 'open')],
        thresholds: steps('green', [1, 'red']),
        runbooks: ['AtlasGatewayCircuitOpen'],
      }),
      stat({
        title: 'Next secret expires in',
        description:
          'Time until the first secret of a credential expires, for secrets with a configured expiry date.',
        unit: 's',
        decimals: 0,
        queries: [query(`min(${of('atlas_gateway_credential_expiry_timestamp_seconds')}) - time()`, 'left')],
        thresholds: steps('red', [3 * 86_400, 'yellow'], [14 * 86_400, 'green']),
        runbooks: ['AtlasGatewayCredentialExpiring'],
      }),
      {
        ...lines({
          title: 'Alerts',
          description: "Pending and firing alerts of this project's rules. Empty if there are none.",
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
        description: 'Completed requests, by caller. `none`: unauthenticated.',
        unit: 'reqps',
        stacked: true,
        queries: [query(sumBy('caller', rate(REQUESTS)), '{{caller}}')],
      }),
      lines({
        title: 'Requests by cache outcome',
        description:
          'How the cache handled requests. `none`: the request did not reach the cache, as with an error.',
        unit: 'reqps',
        stacked: true,
        queries: [query(sumBy('cache', rate(REQUESTS)), '{{cache}}')],
      }),
      lines({
        title: 'Hit ratio by team',
        description:
          'Share of the requests that reached the cache and were served without waiting, by caller.',
        unit: 'percentunit',
        max: 1,
        queries: [
          query(
            `(${sumBy('caller', rate(REQUESTS, 'cache=~"hit|stale"'))} or 0 * ${sumBy('caller', rate(REQUESTS, REACHED_CACHE))}) / (${sumBy('caller', rate(REQUESTS, REACHED_CACHE))} > 0)`,
            '{{caller}}',
          ),
        ],
        runbooks: ['AtlasGatewayHitRatioFallen'],
      }),
      lines({
        title: 'Errors by code',
        description:
          'Responses with status 400 and above, by status. 5xx come from the gateway; 4xx from the gateway or Atlas.',
        unit: 'reqps',
        stacked: true,
        queries: [query(sumBy('code', rate(REQUESTS, 'code=~"[45].."')), '{{code}}')],
        runbooks: ['AtlasGatewayErrorRatio'],
      }),
      bars({
        title: 'Most requested lists',
        description: 'The ten operations with the most requests.',
        unit: 'reqps',
        queries: [query(`topk(10, ${sumBy('operation', rate(REQUESTS))})`, '{{operation}}')],
        thresholds: steps('blue'),
      }),
      lines({
        title: 'Errors by team',
        description: 'Responses with status 400 and above, by caller.',
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
        title: 'Latency by cache outcome (p50)',
        description: 'Median time from request to response (p50).',
        unit: 's',
        queries: [query(quantile(0.5, ['cache'], 'atlas_gateway_request_duration_seconds'), '{{cache}} p50')],
      }),
      lines({
        title: 'Latency by cache outcome (p99)',
        description: '99th percentile of the time from request to response (p99).',
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
          'Responses without a call to Atlas of their own (hit, stale, coalesced), and the calls to Atlas.',
        unit: 'reqps',
        queries: [
          query(`sum(${rate(REQUESTS, 'cache=~"hit|stale|coalesced"')})`, 'served without a call'),
          query(`sum(${rate(UPSTREAM)})`, 'calls to Atlas'),
        ],
      }),
      lines({
        title: 'Calls to Atlas by outcome',
        description: "Status of Atlas's responses, or the gateway's error code if there was no response.",
        unit: 'reqps',
        stacked: true,
        queries: [query(sumBy('code', rate(UPSTREAM)), '{{code}}')],
        runbooks: ['AtlasGatewayServingStale', 'AtlasGatewayCircuitOpen'],
      }),
      lines({
        title: 'Calls to Atlas by caller',
        description:
          'Calls to Atlas by the caller that caused them, for the ten callers with the most. Background refreshes count for the caller whose request began them.',
        unit: 'reqps',
        stacked: true,
        queries: [
          query(
            `topk(10, ${sumBy('caller', rate('atlas_gateway_caller_upstream_requests_total'))})`,
            '{{caller}}',
          ),
        ],
        runbooks: ['AtlasGatewayCallerTakesBucket'],
      }),
      lines({
        title: 'Budget left by endpoint set',
        description:
          'Share of each Atlas rate limit that is left. Below a half, lists stay fresh for longer; below a quarter, they are not refreshed in the background.',
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
        title: 'Circuit breakers',
        description:
          'State of the circuit breaker of each credential. It opens if requests for many lists, or all connections, fail and nothing succeeds.',
        unit: 'short',
        mappings: yesNo('open', 'closed', 1),
        thresholds: steps('green', [1, 'red']),
        queries: [query(of('atlas_gateway_upstream_circuit_open'), '{{credential}} {{instance}}')],
        runbooks: ['AtlasGatewayCircuitOpen'],
      }),
      lines({
        title: 'How long Atlas takes',
        description: 'Duration of calls to Atlas, by credential and outcome.',
        unit: 's',
        queries: [
          query(
            quantile(0.5, ['credential', 'outcome'], 'atlas_gateway_upstream_request_duration_seconds'),
            '{{credential}} {{outcome}} p50',
          ),
          query(
            quantile(0.99, ['credential', 'outcome'], 'atlas_gateway_upstream_request_duration_seconds'),
            '{{credential}} {{outcome}} p99',
          ),
        ],
      }),
      lines({
        title: 'Wait for a connection to Atlas',
        description:
          'Time that requests wait for one of `upstream.maxConnections` connections, 99th percentile by class. The limit for calls begins afterwards.',
        unit: 's',
        queries: [query(quantile(0.99, ['class'], 'atlas_gateway_upstream_queue_seconds'), '{{class}}')],
        runbooks: ['AtlasGatewaySaturated'],
      }),
      lines({
        title: 'Queued, loading and cooling down',
        description:
          'Requests that wait for a connection to Atlas, loads in progress, and lists and pages that are not requested for a while because their loads failed.',
        unit: 'short',
        queries: [
          query(`sum(${of('atlas_gateway_upstream_queued')})`, 'queued requests'),
          query(sumBy('state', of('atlas_gateway_loads')), 'loads: {{state}}'),
          query(sumBy('kind', of('atlas_gateway_cooling_down')), 'cooling down: {{kind}}'),
        ],
        runbooks: ['AtlasGatewaySaturated', 'AtlasGatewayServingStale'],
      }),
      lines({
        title: 'Partial answers',
        description:
          'Share of requests that were answered with a page while the rest of the list was still being loaded.',
        unit: 'percentunit',
        queries: [
          query(
            `sum(${rate('atlas_gateway_partial_responses_total')}) / sum(${rate('atlas_gateway_requests_total')})`,
            'partial',
          ),
        ],
      }),
      lines({
        title: 'Retries',
        description: 'Retried calls to Atlas, by the reason of the first failure.',
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
        title: 'Time until secrets expire',
        description: 'Time until the secret of each credential expires, if `credentials[].expires` is set.',
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
          'Token renewals and secret rotations, by outcome. `kept`: Atlas rejected a new secret and the old one stays in use.',
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
      bars({
        title: 'Time since Atlas last answered',
        description: 'Time since the last successful response of Atlas to each credential, in any process.',
        unit: 's',
        decimals: 0,
        thresholds: steps('green', [3_600, 'yellow']),
        queries: [
          query(
            `time() - max by (credential) (${of('atlas_gateway_upstream_last_success_timestamp_seconds')})`,
            '{{credential}}',
          ),
        ],
        runbooks: ['AtlasGatewayCircuitOpen'],
      }),
    ],
  },
  {
    title: 'Cache',
    panels: [
      lines({
        title: 'Memory of the cache',
        description:
          'Bytes of cached listings, rendered pages and pinned listings, and the limit, for each process.',
        unit: 'bytes',
        bounds: ['limit'],
        queries: [
          query(of('atlas_gateway_cache_bytes'), '{{instance}}'),
          query(`max(${of('atlas_gateway_cache_limit_bytes')})`, 'limit'),
        ],
      }),
      lines({
        title: 'Cached lists',
        description: 'Cached listings, for each process.',
        unit: 'short',
        queries: [query(of('atlas_gateway_cache_listings'), '{{instance}}')],
      }),
      bars({
        title: 'Cache by project',
        description:
          'Bytes of cached listings of the ten largest projects or organizations, in the process with the most.',
        unit: 'bytes',
        thresholds: steps('blue'),
        queries: [
          query(`topk(10, max by (project) (${of('atlas_gateway_cache_project_bytes')}))`, '{{project}}'),
        ],
      }),
      bars({
        title: 'Lists by project',
        description: 'Cached listings of the ten projects or organizations with the most.',
        unit: 'short',
        thresholds: steps('blue'),
        queries: [
          query(`topk(10, max by (project) (${of('atlas_gateway_cache_project_listings')}))`, '{{project}}'),
        ],
      }),
      lines({
        title: 'Age of requested lists',
        description:
          'Age that the oldest list of a project or organization had when it was last requested, for the ten with the oldest.',
        unit: 's',
        queries: [
          query(
            `topk(10, max by (project) (${of('atlas_gateway_cache_oldest_age_seconds')}))`,
            '{{project}}',
          ),
        ],
        runbooks: ['AtlasGatewayDataTooOld', 'AtlasGatewayServingStale'],
      }),
      lines({
        title: 'Overdue lists',
        description:
          'Lists that were requested although they were older than `cache.fresh` and `cache.staleWhileRevalidate` allow, and were not replaced.',
        unit: 'short',
        queries: [query(of('atlas_gateway_cache_overdue_listings'), '{{instance}}')],
        runbooks: ['AtlasGatewayDataTooOld'],
      }),
      lines({
        title: 'Evictions',
        description:
          'Listings evicted before they were replaced. `capacity` and `project-share`: `cache.maxBytes` or `cache.projectShare` is too small.',
        unit: 'cps',
        stacked: true,
        queries: [query(sumBy('reason', rate('atlas_gateway_cache_evictions_total')), '{{reason}}')],
        runbooks: ['AtlasGatewayHitRatioFallen'],
      }),
      lines({
        title: 'Versions with a sunset',
        description: 'Requests for lists in an API version that Atlas will remove, by caller.',
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
        title: 'Requests in flight',
        description: 'Requests in flight, and the limit above which a process responds with 503 OVERLOADED.',
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
        description: 'Delay of the event loop: p50 and p99 since the last scrape.',
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
        description: 'Resident memory of the process, and its heap and buffers.',
        unit: 'bytes',
        queries: [
          query(of('process_resident_memory_bytes'), '{{instance}} resident'),
          query(of('nodejs_heap_size_used_bytes'), '{{instance}} heap'),
          query(of('nodejs_external_memory_bytes'), '{{instance}} buffers'),
        ],
      }),
      lines({
        title: 'CPU',
        description: 'CPU time of each process; 1 is one core. JavaScript runs on one core.',
        unit: 'short',
        queries: [query(rate('process_cpu_seconds_total'), '{{instance}}')],
        runbooks: ['AtlasGatewayEventLoopLag'],
      }),
      states({
        title: 'Configuration',
        description:
          'Whether the last change of the configuration, or of a file that it references, was applied.',
        unit: 'short',
        mappings: yesNo('applied', 'rejected, previous one in force', 0),
        thresholds: steps('red', [1, 'green']),
        queries: [query(of('atlas_gateway_config_last_reload_successful'), '{{instance}}')],
        runbooks: ['AtlasGatewayReloadFailed'],
      }),
      lines({
        title: 'Reloads and dropped log lines',
        description:
          'Configuration reloads, by outcome, and log lines that were dropped because they could not be written.',
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
          'Whether Redis or Valkey is reachable. Without it the gateway serves from its own memory. Empty if none is configured.',
        unit: 'short',
        width: 8,
        mappings: yesNo('connected', 'disconnected', 0),
        thresholds: steps('red', [1, 'green']),
        queries: [query(of('atlas_gateway_shared_connected'), '{{instance}}')],
        runbooks: ['AtlasGatewaySharedTierDisconnected'],
      }),
      lines({
        title: 'Requests to the shared tier',
        description: 'By operation and outcome.',
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
        title: 'Shared tier latency',
        description: '99th percentile of the duration of requests to Redis or Valkey.',
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
        description: 'From cached lists; the maximum of all replicas. Empty if this metric is disabled.',
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

/** Places panels in rows, from left to right and top to bottom. */
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
  description: 'A read gateway for MongoDB Atlas lists: callers, calls to Atlas, and health.',
  tags: ['atlas-gateway', 'mongodb-atlas'],
  // The last version of the classic schema, which newer Grafana releases still accept.
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
        label: 'Docs URL',
        description: 'Base URL of the docs folder of atlas-gateway, for runbook links.',
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
for (const path of FILES) {
  const file = new URL(`../deploy/${path}`, import.meta.url);
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) {
    process.stderr.write(`deploy/${path} is out of date: run npm run dashboard\n`);
    process.exitCode = 1;
  }
}
