// Compares the throughput of cache hits: the gateway, nginx, Varnish, a bare Node.js server and common stacks. Starts all of them.
import { existsSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, askUntil } from './lib/ask.mjs';
import { startAtlas, startStub } from './lib/atlas.mjs';
import { BEARER, chosen, NAMES } from './lib/contestants.mjs';
import { load, loader } from './lib/load.mjs';
import { listed, readOptions } from './lib/options.mjs';
import { cpuMicros, pinning, rssMiB } from './lib/processes.mjs';
import { createReport } from './lib/report.mjs';
import { SCENARIOS } from './lib/scenarios.mjs';
import { median, spread, spreadText } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const options = readOptions(
  `usage: npm run bench -- [flags]
  --scenarios A,B  of ${SCENARIOS.map(({ name }) => name).join(', ')}
  --only A,B       of ${NAMES.join(', ')}
  --seconds N      of a round (1)
  --rounds N       of each contestant, interleaved (11)
  --connections N  that ask at the same time (32)
  --node A,B       node binaries to run the node servers with`,
  {
    scenarios: { type: 'string' },
    only: { type: 'string' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    connections: { type: 'string', default: '32' },
    node: { type: 'string' },
  },
);
const seconds = Number(options.seconds ?? 1);
const rounds = Number(options.rounds ?? (options.short ? 1 : 11));
const warmUpSeconds = options.short ? 0 : 2;
const leadSeconds = options.short ? 0 : 1;
const connections = Number(options.connections);
const scenarioNames =
  listed(options.scenarios) ?? (options.short ? ['hits-4'] : SCENARIOS.map(({ name }) => name));
const nodes = listed(options.node) ?? [process.execPath];
const report = createReport(options);
const contestants = chosen({
  names: listed(options.only) ?? (options.short ? ['nginx+log', 'bare', 'gateway'] : NAMES),
  nodes,
  tell: report.tell,
});
for (const [given, known] of [
  [scenarioNames, SCENARIOS.map(({ name }) => name)],
  [listed(options.only) ?? [], NAMES],
])
  for (const name of given)
    if (!known.includes(name)) {
      report.tell(`there is no '${name}'; there are ${known.join(', ')}`);
      process.exit(2);
    }

/** Only the links, which the gateway rewrites, may differ from the upstream response. */
const withoutSnapshot = (body) => body.toString().replaceAll(/&snapshot=[\w-]{12}/g, '');

/** Starts a contestant and sends each request once; prints a reason and returns undefined if its responses differ from the others'. */
async function enter(contestant, scenario, bodies, given) {
  const running = await contestant.start({ ...given, node: contestant.node, name: contestant.name });
  const leave = async (why) => {
    report.tell(`${contestant.name} is left out of ${scenario.name}: ${why}`);
    await running.stop();
    return undefined;
  };
  const { unchanged = false, coding } = scenario;
  const headers = {
    ...scenario.headers,
    Authorization: BEARER,
    ...(coding === undefined ? {} : { 'Accept-Encoding': coding }),
  };
  try {
    const [first] = scenario.targets;
    await askUntil(running.origin, first, { headers }, { alive: running.alive });
    if (contestant.authorization !== undefined)
      headers.Authorization = await contestant.authorization(running.origin);
    const requests = [];
    for (const target of scenario.targets) {
      const { status, headers: told, body } = await askUntil(running.origin, target, { headers }, {});
      if (status !== 200) return leave(`it answers ${status}`);
      if (coding !== undefined && told['content-encoding'] !== coding)
        return leave(`it does not answer in ${coding}`);
      if (coding === undefined && withoutSnapshot(body) !== bodies.get(target).toString())
        return leave('its body is not that of Atlas');
      requests.push({
        target,
        headers: { ...headers, ...(unchanged ? { 'If-None-Match': told.etag } : {}) },
      });
    }
    const check = async () => {
      const { status } = await ask(running.origin, first, { headers: requests[0].headers });
      return status === (unchanged ? 304 : 200) ? undefined : `it answers ${status}`;
    };
    const why = await check();
    if (why !== undefined) return leave(why);
    return { contestant, running, requests, check, samples: [] };
  } catch (error) {
    return leave(error.message);
  }
}

/** Excludes contestants that answer single requests but fail under load, for example with a malformed 304. */
async function warmUp(entrants, scenario, folder) {
  for (const entrant of [...entrants]) {
    const { contestant, running, requests } = entrant;
    const warm = await load({
      origin: running.origin,
      requests,
      seconds: warmUpSeconds,
      connections,
      folder,
    });
    if (warm.requests > 0) continue;
    report.tell(`${contestant.name} is left out of ${scenario.name}: it answers nothing under load`);
    entrants.splice(entrants.indexOf(entrant), 1);
    await running.stop();
  }
}

async function measure({ running, requests, samples }, { folder }) {
  // Warm up again: a server that was idle while others were measured may have released resources.
  if (leadSeconds > 0)
    await load({ origin: running.origin, requests, seconds: leadSeconds, connections, folder });
  const before = cpuMicros(running.pid);
  const sample = await load({ origin: running.origin, requests, seconds, connections, folder });
  const takenUs = cpuMicros(running.pid) - before;
  samples.push({
    ...sample,
    cpuUs: takenUs / sample.requests,
    busy: takenUs / (sample.seconds * 1e6),
    rssMiB: rssMiB(running.pid),
  });
  if (running.logPath !== undefined) truncateSync(running.logPath);
}

/**
 * The load saturates a server. If a server used its core for less than this fraction of a round, something outside the benchmark took
 * CPU time from it or from the load generator.
 */
const UNDISTURBED = 0.8;
/** With fewer undisturbed rounds than this, all rounds count. */
const ENOUGH = 3;

/** The undisturbed rounds of one contestant, or of several that are compared. */
function countedRounds(...entrants) {
  const all = Array.from({ length: rounds }, (_none, round) => round);
  const good = all.filter((round) => entrants.every(({ samples }) => samples[round].busy >= UNDISTURBED));
  return good.length >= ENOUGH ? good : all;
}

/** Throughput relative to another contestant, per round, because temporary slowdowns of the machine affect both. */
function ratios(entrant, other) {
  if (other === undefined) return [];
  return countedRounds(entrant, other).map(
    (round) => entrant.samples[round].perSecond / other.samples[round].perSecond,
  );
}

/** Medians of the counted rounds, as texts. */
function middlesOf(entrant) {
  const counted = countedRounds(entrant);
  return (name, digits) => median(counted.map((round) => entrant.samples[round][name])).toFixed(digits);
}

const ratioText = (entrant, other) => (other === undefined ? '–' : spreadText(ratios(entrant, other), 2));

/** One row of each scenario: the gateway's figures, and its ratios to the others. */
const summary = [];
function summaryOf(ours, withLog, bare, honoStack) {
  const middle = middlesOf(ours);
  return [
    middle('perSecond', 0),
    ratioText(ours, withLog),
    ratioText(ours, bare),
    honoStack === undefined ? '–' : median(ratios(ours, honoStack)).toFixed(1),
    middle('p99Ms', 2),
    middle('cpuUs', 1),
  ];
}

function show(scenario, entrants) {
  const find = (kind) =>
    entrants.find(({ contestant }) => contestant.kind === kind && contestant.onFirstNode !== false);
  const bareOf = ({ contestant: { node } }) =>
    entrants.find(
      ({ contestant }) => contestant.kind === 'bare' && (node === undefined || contestant.node === node),
    );
  const withLog = find('nginx+log');
  const rows = entrants.map((entrant) => {
    const middle = middlesOf(entrant);
    return [
      entrant.contestant.title,
      middle('perSecond', 0),
      ratioText(entrant, withLog),
      ratioText(entrant, bareOf(entrant)),
      middle('p99Ms', 2),
      middle('cpuUs', 1),
      middle('rssMiB', 0),
    ];
  });
  report.print(
    nodes.length > 1 ? `${scenario.name}, node versions` : scenario.name,
    table(['', 'requests/s', '÷ nginx', '÷ bare node', 'p99 ms', 'CPU µs', 'MiB'], rows),
    scenario.title,
  );
  const ours = find('gateway');
  if (ours !== undefined)
    summary.push([scenario.short, ...summaryOf(ours, withLog, bareOf(ours), find('hono-full'))]);
  report.keep(
    scenario.name,
    entrants.map((entrant) => ({
      name: entrant.contestant.name,
      node: entrant.contestant.version,
      samples: entrant.samples,
      perSecond: spread(countedRounds(entrant).map((round) => entrant.samples[round].perSecond)),
      ofNginxWithLog: withLog === undefined ? undefined : spread(ratios(entrant, withLog)),
      ofBareNode: bareOf(entrant) === undefined ? undefined : spread(ratios(entrant, bareOf(entrant))),
    })),
  );
}

const wrong = [];
async function run(scenario) {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'atlas-gateway-bench-'));
  const atlas = await startAtlas(scenario.lists);
  const bodies = new Map();
  for (const target of scenario.targets) bodies.set(target, (await atlas.get(target)).body);
  const stub = await startStub(bodies);
  const entrants = [];
  try {
    for (const contestant of contestants) {
      const entrant = await enter(contestant, scenario, bodies, {
        atlas: atlas.origin,
        stub: stub.origin,
        folder,
      });
      if (entrant !== undefined) entrants.push(entrant);
    }
    if (warmUpSeconds > 0) await warmUp(entrants, scenario, folder);
    for (let round = 0; round < rounds; round++) {
      // Rotate the order, so that no contestant always runs after the same one.
      const turn = round % entrants.length;
      for (const entrant of [...entrants.slice(turn), ...entrants.slice(0, turn)])
        await measure(entrant, { folder });
    }
    for (const { contestant, samples, check } of entrants) {
      const errors = samples.reduce((sum, one) => sum + one.errors, 0);
      const why = (await check()) ?? (errors > 0 ? `${errors} answers were errors` : undefined);
      if (why !== undefined) wrong.push(`${contestant.name} in ${scenario.name}: ${why}`);
    }
    show(scenario, entrants);
  } finally {
    for (const { running } of entrants) await running.stop();
    await stub.close();
    await atlas.close();
    rmSync(folder, { recursive: true });
  }
}

report.printSetup(
  'setup',
  `${rounds} rounds of ${seconds} s each, interleaved, ${connections} connections by ${loader}. ${pinning} Median (least to most).`,
);
for (const scenario of SCENARIOS) if (scenarioNames.includes(scenario.name)) await run(scenario);
if (summary.length > 1)
  report.print(
    'hits',
    table(['', 'requests/s', '÷ nginx', '÷ bare node', '÷ Hono stack', 'p99 ms', 'CPU µs'], summary),
    'Hits of atlas-gateway',
  );
for (const one of wrong) report.tell(`wrong: ${one}`);
report.end();
process.exitCode = wrong.length === 0 ? 0 : 1;
