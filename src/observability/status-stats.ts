import { LRUCache } from 'lru-cache';
import type { RequestCompletedEvent } from '../gateway/events.ts';
import { isFailure, isHit } from '../gateway/request-outcome.ts';
import type { Clock } from '../lib/clock.ts';
import { createFailingLists, type FailingLists } from './failing-lists.ts';
import type { LogEvent } from './log.ts';
import { createRefusalCounts, type RefusalGroup } from './refusal-counts.ts';
import { createUsageCounts, type Usage } from './usage-counts.ts';

/** Counts of one caller or project since the start. */
export interface Counted {
  readonly requests: number;
  /** Served from memory, fresh or stale. */
  readonly hits: number;
  /** Requests to Atlas. */
  readonly upstreamCalls: number;
}

/** The latest error. `at` is in wall-clock milliseconds. */
export interface LastError {
  readonly at: number;
  readonly operation: string | undefined;
  readonly code: string;
}

/** A request that was answered with an error. Only the project id comes from the request itself. */
export interface RefusedRequest {
  readonly at: number;
  readonly caller: string | undefined;
  readonly operation: string | undefined;
  readonly project: string | undefined;
  readonly status: number;
  readonly code: string | undefined;
  readonly reason: string | undefined;
}

/** Counts per step of `stepMs`, oldest first; the last step is still running. */
export interface Trend {
  readonly stepMs: number;
  /** Elapsed milliseconds of the last step. */
  readonly runningMs: number;
  readonly requests: readonly number[];
  /** Requests that reached the cache: the denominator of the hit ratio. */
  readonly lookups: readonly number[];
  readonly hits: readonly number[];
  readonly errors: readonly number[];
  readonly upstreamCalls: readonly number[];
}

/** The outcome of the latest configuration reload. */
export interface LastReload {
  readonly at: number;
  readonly outcome: 'applied' | 'partial' | 'rejected';
  readonly problems: readonly string[];
}

/** Counts for the status page, independent of the Prometheus metrics. */
export interface StatusStats {
  observe(event: LogEvent): void;
  callers(): ReadonlyMap<string, Counted>;
  projects(): ReadonlyMap<string, Counted & { readonly lastError: LastError | undefined }>;
  /** Newest first. */
  refused(): readonly RefusedRequest[];
  readonly refusalGroups: () => readonly RefusalGroup[];
  readonly usage: () => readonly Usage[];
  readonly failing: FailingLists['all'];
  trend(): Trend;
  readonly reload: LastReload | undefined;
}

const STEP_MS = 10_000;
const STEPS = 360;
const MAX_REFUSED = 50;
const MAX_CALLERS = 1_000;
const MAX_PROJECTS = 1_000;
const MAX_PROBLEMS = 20;

type RefusalRecord = { -readonly [Field in keyof RefusedRequest]: RefusedRequest[Field] };
type Counting = { -readonly [Field in keyof Counted]: Counted[Field] };

/** Counts of a caller or project. */
interface Count extends Counting {
  lastError: LastError | undefined;
}

/** Counts by name; the least recently used one is evicted for a new one. */
function createCounts(max: number) {
  const counts = new LRUCache<string, Count>({ max });
  return {
    has: (name: string) => counts.has(name),
    for(name: string): Count {
      const known = counts.get(name);
      if (known !== undefined) return known;
      const count: Count = { requests: 0, hits: 0, upstreamCalls: 0, lastError: undefined };
      counts.set(name, count);
      return count;
    },
    all: (): ReadonlyMap<string, Count> => new Map(counts.entries()),
  };
}

/** One ring buffer of steps per counter; all rings advance together. */
function createTrend(clock: Clock) {
  const ring = () => new Float64Array(STEPS);
  const rings = { requests: ring(), lookups: ring(), hits: ring(), errors: ring(), upstreamCalls: ring() };
  const all = Object.values(rings);
  const startedAt = Math.floor(clock.now() / STEP_MS);
  let step = startedAt;
  return {
    rings,
    /** The ring index of the step that contains `now`. */
    slotAt(now: number): number {
      const current = Math.floor(now / STEP_MS);
      if (current > step) {
        for (let passed = Math.max(step + 1, current - STEPS + 1); passed <= current; passed++)
          for (const one of all) one[passed % STEPS] = 0;
        step = current;
      }
      return step % STEPS;
    },
    read(): Trend {
      const now = clock.now();
      this.slotAt(now);
      const length = Math.min(STEPS, step - startedAt + 1);
      const inOrder = (one: Float64Array) =>
        Array.from({ length }, (_none, index) => one[(step - length + 1 + index) % STEPS] ?? 0);
      return {
        stepMs: STEP_MS,
        runningMs: now - step * STEP_MS,
        requests: inOrder(rings.requests),
        lookups: inOrder(rings.lookups),
        hits: inOrder(rings.hits),
        errors: inOrder(rings.errors),
        upstreamCalls: inOrder(rings.upstreamCalls),
      };
    },
  };
}

const add = (ring: Float64Array, slot: number) => {
  ring[slot] = (ring[slot] ?? 0) + 1;
};

/** Counts events for the status page. A request costs two look-ups and a few additions; every collection is bounded. */
export function createStatusStats({ clock }: { clock: Clock }): StatusStats {
  const callers = createCounts(MAX_CALLERS);
  const projects = createCounts(MAX_PROJECTS);
  const refused: RefusalRecord[] = [];
  let nextRefused = 0;
  let reload: LastReload | undefined;
  const refusalCounts = createRefusalCounts({ clock });
  const usageCounts = createUsageCounts();
  const failingLists = createFailingLists({ clock });
  const trend = createTrend(clock);
  const { rings } = trend;

  function recordRefusal({
    caller,
    operation,
    project,
    status,
    errorCode,
    reason,
  }: RequestCompletedEvent): void {
    refused[nextRefused] = {
      at: clock.wall(),
      caller,
      operation,
      project,
      status,
      code: errorCode,
      reason,
    };
    nextRefused = (nextRefused + 1) % MAX_REFUSED;
  }

  function answered(event: RequestCompletedEvent): void {
    const { caller, project, status, cache, endedAt } = event;
    const slot = trend.slotAt(endedAt);
    const hit = isHit(cache);
    add(rings.requests, slot);
    if (cache !== 'none') add(rings.lookups, slot);
    if (hit) add(rings.hits, slot);
    if (isFailure(status)) add(rings.errors, slot);
    if (status >= 400) {
      recordRefusal(event);
      refusalCounts.count(event);
    }
    usageCounts.count(event);
    if (caller !== undefined) {
      const count = callers.for(caller);
      count.requests++;
      if (hit) count.hits++;
    }
    // A project is recorded once a read succeeded or failed with 5xx: callers can write arbitrary ids into a path.
    if (
      project === undefined ||
      cache === 'none' ||
      (status >= 400 && !isFailure(status) && !projects.has(project))
    )
      return;
    const count = projects.for(project);
    count.requests++;
    count.upstreamCalls += event.upstreamCalls;
    if (hit) count.hits++;
    if (isFailure(status))
      count.lastError = {
        at: clock.wall(),
        operation: event.operation,
        code: event.errorCode ?? String(status),
      };
  }

  return {
    observe(event) {
      failingLists.observe(event);
      switch (event.type) {
        case 'answered':
          answered(event);
          return;
        case 'refreshed': {
          const { operation, project, outcome, detail } = event;
          if (outcome !== 'replaced')
            projects.for(project).lastError = {
              at: clock.wall(),
              operation,
              code: detail ?? 'REFUSED_BY_ATLAS',
            };
          return;
        }
        case 'caller-call':
          callers.for(event.caller).upstreamCalls++;
          return;
        case 'upstream-exchange':
          add(rings.upstreamCalls, trend.slotAt(clock.now()));
          return;
        case 'config-reload':
          reload = {
            at: clock.wall(),
            outcome: event.outcome,
            problems: event.problems.slice(0, MAX_PROBLEMS),
          };
          return;
        case 'deprecated':
        case 'partial-response':
        case 'evicted':
        case 'credential-renewal':
        case 'upstream-retry':
        case 'unstable-order':
        case 'upstream-queued':
        case 'circuit':
        case 'cache-file':
        case 'credential-expiry':
        case 'admin-sign-in-refused':
        case 'purge':
        case 'shutdown':
        case 'trace-export':
        case 'life':
        case 'unexpected-error':
      }
    },
    callers: callers.all,
    projects: projects.all,
    refused: () => [...refused.slice(nextRefused), ...refused.slice(0, nextRefused)].reverse(),
    refusalGroups: refusalCounts.all,
    usage: usageCounts.all,
    failing: failingLists.all,
    trend: () => trend.read(),
    get reload() {
      return reload;
    },
  };
}
