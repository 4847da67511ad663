import type { ListCache } from '../cache/read-cache.ts';
import type { PrivateLinks } from '../gateway/private-links.ts';
import type { ProjectNames } from '../gateway/project-names.ts';
import type { CachedList } from '../gateway/reads/listing.ts';
import type { Clock } from '../lib/clock.ts';
import type { FailingList } from '../observability/failing-lists.ts';
import type { RefusalGroup } from '../observability/refusal-counts.ts';
import type { LastError, RefusedRequest, StatusStats, Trend } from '../observability/status-stats.ts';
import type { Usage } from '../observability/usage-counts.ts';
import { type FailingReport, reportFailing } from './failing-report.ts';
import { type ProjectUsage, projectUsages } from './project-usage.ts';

export type GatewayState = 'starting' | 'ready' | 'draining';

/** An ISO 8601 time in UTC. */
export type Instant = string;

/** The data of the status page: names, numbers and times only. Public as `GET /status.json`. */
export interface StatusReport {
  readonly state: GatewayState;
  readonly version: string;
  readonly node: string;
  readonly time: Instant;
  readonly uptimeSeconds: number;
  readonly requests: number;
  readonly inFlight: number;
  readonly inFlightLimit: number;
  readonly cache: {
    readonly bytes: number;
    readonly maxBytes: number;
    readonly listings: number;
    readonly loading: number;
  };
  /** Loads in progress. `waiting`: for another gateway or for a connection to Atlas. */
  readonly loads: { readonly waiting: number; readonly loading: number };
  /** Connections to Atlas in use, and requests that wait for one. */
  readonly connections: { readonly busy: number; readonly queued: number; readonly limit: number };
  /** Lists, and pages of lists cached by the page, that are not requested for a while because their loads failed. */
  readonly coolingDown: { readonly lists: number; readonly pages: number };
  /** Absent if the configuration was not reloaded since the start. */
  readonly reload?: {
    readonly at: Instant;
    readonly outcome: 'applied' | 'partial' | 'rejected';
    readonly problems: readonly string[];
  };
  readonly credentials: readonly CredentialReport[];
  readonly budget: readonly BudgetReport[];
  readonly callers: readonly CallerReport[];
  /** Projects and organizations that are cached or were read since the start. `-` stands for lists across projects. */
  readonly projects: readonly ProjectReport[];
  /** Reads that Atlas did not answer the last time it was asked; those that failed longest first. */
  readonly failing: readonly FailingReport[];
  /** Requests by caller, project and operation; the most frequent first. */
  readonly usage: readonly Usage[];
  /** Newest first. */
  readonly refusals: readonly (Omit<RefusedRequest, 'at'> & { readonly at: Instant })[];
  /** All errors since the start, by code, caller and operation; the most frequent first. */
  readonly refusalGroups: readonly (Omit<RefusalGroup, 'lastAt'> & { readonly lastAt: Instant })[];
  readonly trend: Trend;
}

export interface CredentialReport {
  readonly name: string;
  readonly kind: 'service-account' | 'api-key';
  readonly circuitOpen: boolean;
  /** Absent while the circuit breaker is closed. */
  readonly circuitOpenSince?: Instant;
  readonly expires?: Instant;
  /** Whole days; negative if the secret has expired. */
  readonly daysLeft?: number;
}

export interface BudgetReport {
  readonly credential: string;
  readonly endpointSet: string;
  readonly remaining: number;
  readonly capacity: number;
}

export interface CallerReport {
  readonly name: string;
  readonly keys: number;
  readonly requests: number;
  readonly hits: number;
  readonly upstreamCalls: number;
}

export interface ProjectReport {
  readonly id: string;
  /** Absent if no list that names it is cached. */
  readonly name?: string;
  readonly listings: number;
  /** Of these, those that are no longer fresh. */
  readonly staleListings: number;
  readonly items: number;
  readonly bytes: number;
  readonly oldestSeconds: number;
  readonly requests: number;
  readonly hits: number;
  /** Absent if no list of them is cached. */
  readonly privateLinkConnections?: { readonly total: number; readonly failed: number };
  readonly lastError?: { readonly at: Instant; readonly operation?: string; readonly code: string };
}

/** The sources of the report's data. */
export interface ReportSources {
  readonly build: { readonly version: string; readonly node: string };
  readonly state: () => GatewayState;
  readonly requests: () => number;
  readonly inFlight: () => number;
  readonly inFlightLimit: number;
  readonly cache: Pick<ListCache<CachedList>, 'listings' | 'size' | 'loading' | 'coolingDown'>;
  readonly loads: () => StatusReport['loads'];
  readonly connections: () => StatusReport['connections'];
  readonly cacheBytes: () => number;
  readonly cacheLimitBytes: number;
  /** `circuitOpenedAt`: when the circuit breaker opened, in monotonic milliseconds. */
  readonly credentials: () => readonly (Pick<CredentialReport, 'name' | 'kind' | 'circuitOpen'> & {
    readonly circuitOpenedAt: number | undefined;
  })[];
  /** Wall-clock milliseconds at which secrets expire, for credentials whose configuration states it. */
  readonly expiries: () => readonly { readonly name: string; readonly expiresAt: number }[];
  readonly budget: () => readonly BudgetReport[];
  /** The configured callers; `keys` is the number of their keys. */
  readonly callers: () => readonly { readonly name: string; readonly keys: number }[];
  readonly statusStats: StatusStats;
  readonly privateLinks: PrivateLinks;
  readonly projectNames: ProjectNames;
}

const DAY_MS = 86_400_000;
const instant = (wallMs: number): Instant => new Date(wallMs).toISOString();
const NO_USAGE: ProjectUsage = { listings: 0, staleListings: 0, items: 0, bytes: 0, oldestSeconds: 0 };

/** The latest failure of each project that fails now: a load that failed behind an answer from memory is in no request's answer. */
const lastFailures = (failing: readonly FailingList[]): ReadonlyMap<string, LastError> =>
  new Map(
    failing
      .toSorted((one, other) => one.lastAt - other.lastAt)
      .map(({ project, operation, code, lastAt }) => [project, { at: lastAt, operation, code }]),
  );

const later = (one: LastError | undefined, other: LastError | undefined) =>
  one !== undefined && (other === undefined || one.at > other.at) ? one : other;

const budgetName = ({ endpointSet, credential }: BudgetReport) => `${endpointSet} ${credential}`;

/** Assembles the current status. */
export function createReport(sources: ReportSources, { clock }: { clock: Clock }): () => StatusReport {
  const { build, cache, statusStats, privateLinks } = sources;
  const startedAt = clock.now();

  function connections(): Map<string, { total: number; failed: number }> {
    const projects = new Map<string, { total: number; failed: number }>();
    for (const { project, state, connections: count } of privateLinks.counts()) {
      const known = projects.get(project) ?? { total: 0, failed: 0 };
      known.total += count;
      if (state === 'FAILED') known.failed += count;
      projects.set(project, known);
    }
    return projects;
  }

  function projectReports(): ProjectReport[] {
    const usage = projectUsages(cache.listings(), clock.now());
    const names = sources.projectNames();
    const counted = statusStats.projects();
    const linked = connections();
    const failures = lastFailures(statusStats.failing());
    const ids = [...new Set([...usage.keys(), ...counted.keys()])].sort();
    return ids.map((id) => {
      const name = names.get(id);
      const count = counted.get(id);
      const lastError = later(count?.lastError, failures.get(id));
      const links = linked.get(id);
      return {
        id,
        ...(name === undefined ? {} : { name }),
        ...(usage.get(id) ?? NO_USAGE),
        requests: count?.requests ?? 0,
        hits: count?.hits ?? 0,
        ...(links === undefined ? {} : { privateLinkConnections: links }),
        ...(lastError === undefined
          ? {}
          : {
              lastError: {
                at: instant(lastError.at),
                code: lastError.code,
                ...(lastError.operation === undefined ? {} : { operation: lastError.operation }),
              },
            }),
      };
    });
  }

  function callerReports(): CallerReport[] {
    const counted = statusStats.callers();
    const keys = new Map(sources.callers().map((caller) => [caller.name, caller.keys]));
    return [...new Set([...keys.keys(), ...counted.keys()])].map((name) => {
      const { requests = 0, hits = 0, upstreamCalls = 0 } = counted.get(name) ?? {};
      return { name, keys: keys.get(name) ?? 0, requests, hits, upstreamCalls };
    });
  }

  function credentialReports(): CredentialReport[] {
    const expiries = new Map(sources.expiries().map(({ name, expiresAt }) => [name, expiresAt]));
    return sources.credentials().map(({ name, kind, circuitOpen, circuitOpenedAt }) => {
      const expiresAt = expiries.get(name);
      return {
        name,
        kind,
        circuitOpen,
        ...(circuitOpenedAt === undefined
          ? {}
          : { circuitOpenSince: instant(clock.wall() - (clock.now() - circuitOpenedAt)) }),
        ...(expiresAt === undefined
          ? {}
          : { expires: instant(expiresAt), daysLeft: Math.floor((expiresAt - clock.wall()) / DAY_MS) }),
      };
    });
  }

  return () => {
    const { reload } = statusStats;
    const { list: lists, page: pages } = cache.coolingDown();
    return {
      state: sources.state(),
      ...build,
      time: instant(clock.wall()),
      uptimeSeconds: Math.floor((clock.now() - startedAt) / 1_000),
      requests: sources.requests(),
      inFlight: sources.inFlight(),
      inFlightLimit: sources.inFlightLimit,
      cache: {
        bytes: sources.cacheBytes(),
        maxBytes: sources.cacheLimitBytes,
        listings: cache.size,
        loading: cache.loading,
      },
      loads: sources.loads(),
      connections: sources.connections(),
      coolingDown: { lists, pages },
      ...(reload === undefined ? {} : { reload: { ...reload, at: instant(reload.at) } }),
      credentials: credentialReports(),
      budget: sources.budget().toSorted((one, other) => (budgetName(one) < budgetName(other) ? -1 : 1)),
      callers: callerReports(),
      projects: projectReports(),
      failing: reportFailing(statusStats.failing(), { listings: cache.listings(), clock }),
      usage: statusStats.usage(),
      refusals: statusStats.refused().map((refusal) => ({ ...refusal, at: instant(refusal.at) })),
      refusalGroups: statusStats
        .refusalGroups()
        .map((group) => ({ ...group, lastAt: instant(group.lastAt) })),
      trend: statusStats.trend(),
    };
  };
}
