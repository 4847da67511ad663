import { LRUCache } from 'lru-cache';
import { bucketSizeOf } from '../../atlas/rate-limit-buckets.ts';
import type { Clock } from '../../lib/clock.ts';
import { expireAfter } from '../../lib/lru-expiry.ts';
import { upstreamFailure } from '../failure.ts';
import type {
  Send,
  UpstreamFailureCode,
  UpstreamRequest,
  UpstreamResponse,
  UpstreamResult,
} from '../message.ts';
import { readRetryAfter } from '../retry-after.ts';
import { Bucket, type BucketUsage } from './bucket.ts';
import { bucketOf429, readCount, readRateLimits } from './rate-limit-messages.ts';

/** How gateways share a budget: each draws locally and without delay, and they reconcile their usage periodically. */
export interface BudgetShare {
  /** Usage of the buckets that changed since the last call, and of some that other gateways may have drawn from. */
  collectUsage(): readonly BucketUsage[];
  /** Applies the levels that all gateways together have left after the reported usage. */
  applyLevels(levels: readonly { key: string; tokens: number; pauseMs: number }[]): void;
  /** Restores usage that could not be reported: the local level is reported next time, and applies alone until then. */
  restoreUsage(usage: readonly BucketUsage[]): void;
}

/** The remaining Atlas rate limits. A bucket belongs to a project or an organization, across credentials, or to a credential's user. */
export interface Budget extends BudgetShare {
  /** The layer that enforces the budget for one credential. */
  readonly limit: (credential: string) => (next: Send) => Send;
  /** Factor for extending freshness: 1 with enough budget left, up to 4 as the bucket empties. */
  freshnessFactor(credential: string, endpointSet: string, scope: string): number;
  /** The lowest remaining level among the scopes of each credential and endpoint set. */
  remaining(): readonly { credential: string; endpointSet: string; remaining: number; capacity: number }[];
}

const MAX_BUCKETS = 10_000;
/** Maximum number of buckets per report. */
const MAX_REPORTED = 500;
/** Freshness is extended when the level falls below this fraction. */
const FRESHNESS_FACTOR_FRACTION = 0.5;
const MAX_FRESHNESS_FACTOR = 4;
/** How long limits from `GET /rateLimits` are valid, and the pause before another attempt if that request failed. */
const LIMITS_TTL_MS = 24 * 3_600_000;
const MAX_LIMIT_REQUESTS = 10_000;
const RATE_LIMITS = '/api/atlas/v2/rateLimits';
const RATE_LIMITS_ACCEPT = 'application/vnd.atlas.2025-03-12+json';
/** Failures of calls that Atlas never saw. */
const UNSEEN: ReadonlySet<UpstreamFailureCode> = new Set(['UPSTREAM_UNREACHABLE', 'UPSTREAM_TLS']);

// A user bucket belongs to one credential; a project bucket is shared by all credentials with access to the project.
const keyOf = (credential: string, endpointSet: string, scope: string) =>
  scope === 'user' ? `${endpointSet} user ${credential}` : `${endpointSet} ${scope}`;

/** The buckets in use, by endpoint set and scope. */
function createBuckets({ clock }: { clock: Clock }) {
  const buckets = new Map<string, Bucket>();

  /** Evicts the least recently used bucket: it has refilled by now, or the next response corrects it. */
  function evictOldest(): void {
    for (const [key, bucket] of buckets) {
      if (!bucket.idle) continue;
      buckets.delete(key);
      return;
    }
  }

  return {
    /** The bucket that a request charges. */
    use(credential: string, { endpointSet, scope }: UpstreamRequest): Bucket {
      const key = keyOf(credential, endpointSet, scope);
      const bucket = buckets.get(key) ?? new Bucket({ endpointSet, size: bucketSizeOf(endpointSet) }, clock);
      buckets.delete(key);
      buckets.set(key, bucket);
      bucket.credentials.add(credential);
      if (buckets.size > MAX_BUCKETS) evictOldest();
      return bucket;
    },
    find: (key: string) => buckets.get(key),
    entries: () => buckets.entries(),
    all: () => buckets.values(),
  };
}

type Buckets = ReturnType<typeof createBuckets>;

/** Ends a call in the bucket's books, and corrects the bucket by what the response says. */
function settle(bucket: Bucket, reports: number, result: UpstreamResult, clock: Clock): UpstreamResult {
  if (result.type === 'failed') {
    const seen = result.unsent !== true && result.unconnected !== true && !UNSEEN.has(result.code);
    if (seen) bucket.count(reports, undefined);
    else bucket.refund(1);
    return result;
  }
  if (result.status !== 429) {
    bucket.count(reports, readCount(result.headers['ratelimit-remaining']));
    return result;
  }
  const size = bucketOf429(result);
  if (size !== undefined) bucket.resize(size);
  const empty = size !== undefined || readCount(result.headers['ratelimit-remaining']) === 0;
  const waitMs = bucket.pause(readRetryAfter(result.headers, clock) ?? 0, { empty });
  return upstreamFailure('UPSTREAM_RATE_LIMITED', 'Atlas answered 429: its rate limit is exceeded.', waitMs);
}

/** Charges each request to its bucket: one call, the calls that it reserves for a walk, or one of those. */
function createCharging({ clock }: { clock: Clock }) {
  return async (bucket: Bucket, request: UpstreamRequest, next: Send): Promise<UpstreamResult> => {
    const { reservation, cost = 1 } = request;
    const prepaid = cost === 0 && reservation?.draw() === true;
    const calls = reservation === undefined ? 1 : Math.max(1, Math.min(cost, bucket.size.capacity));
    const failure = await bucket.acquire(request, prepaid ? 0 : calls);
    if (failure !== undefined) {
      if (prepaid) bucket.refund(1);
      return failure;
    }
    if (!prepaid && calls > 1) reservation?.deposit(calls - 1, (rest) => bucket.refund(rest));
    const { reports } = bucket;
    try {
      return settle(bucket, reports, await next(request), clock);
    } catch (error) {
      bucket.refund(1);
      throw error;
    }
  };
}

/** Requests the current limits when a bucket runs low, which is when they matter: once a day per scope. */
function createLimitsRequest({ clock, buckets }: { clock: Clock; buckets: Buckets }) {
  /** Credentials and scopes whose limits need not be requested again yet; a forgotten one costs one request. */
  const requested = new LRUCache<string, true>({
    max: MAX_LIMIT_REQUESTS,
    ...expireAfter(LIMITS_TTL_MS, clock),
  });

  function adopt(response: UpstreamResponse, credential: string, scope: string): void {
    const limits = readRateLimits(response);
    for (const [key, bucket] of buckets.entries()) {
      const size = limits.get(bucket.endpointSet);
      if (size !== undefined && key === keyOf(credential, bucket.endpointSet, scope)) bucket.resize(size);
    }
  }

  return (bucket: Bucket, credential: string, request: UpstreamRequest, send: Send): void => {
    const { scope, endpointSet } = request;
    const low = bucket.level < bucket.size.capacity * FRESHNESS_FACTOR_FRACTION;
    const key = `${credential} ${scope}`;
    if (!low || request.operation === 'listRateLimits' || requested.has(key)) return;
    requested.set(key, true);
    const named = scope === 'user' ? '' : `&${endpointSet.startsWith('org.') ? 'orgId' : 'groupId'}=${scope}`;
    void send({
      operation: 'listRateLimits',
      target: `${RATE_LIMITS}?itemsPerPage=500&pageNum=1${named}`,
      accept: RATE_LIMITS_ACCEPT,
      deadlineAt: request.deadlineAt,
      priority: 'background',
      loadClass: 'internal',
      endpointSet: 'user.rateLimits',
      scope: 'user',
    }).then((result) => {
      if (result.type === 'answered') adopt(result, credential, scope);
    });
  };
}

/**
 * Token buckets as Atlas documents them, by endpoint set and scope, corrected by its responses. With too few tokens, requests queue for a
 * short time, round-robin by caller, or fail with `retryAfterMs`. A walk reserves all its pages at once; background refreshes use only spare
 * tokens.
 */
export function createBudget({ clock }: { clock: Clock }): Budget {
  const buckets = createBuckets({ clock });
  const charge = createCharging({ clock });
  const requestLimits = createLimitsRequest({ clock, buckets });

  const limit =
    (credential: string) =>
    (next: Send): Send => {
      const send: Send = (request) => {
        const bucket = buckets.use(credential, request);
        return charge(bucket, request, (charged) => {
          requestLimits(bucket, credential, charged, send);
          return next(charged);
        });
      };
      return send;
    };

  return {
    limit,
    collectUsage() {
      const usage: BucketUsage[] = [];
      for (const [key, bucket] of buckets.entries()) {
        if (usage.length >= MAX_REPORTED) break;
        const one = bucket.collectUsage(key);
        if (one !== undefined) usage.push(one);
      }
      return usage;
    },
    applyLevels(levels) {
      for (const { key, tokens, pauseMs } of levels) buckets.find(key)?.applyLevel(tokens, pauseMs);
    },
    restoreUsage(usage) {
      for (const one of usage) buckets.find(one.key)?.restoreUsage(one);
    },
    freshnessFactor(credential, endpointSet, scope) {
      const bucket = buckets.find(keyOf(credential, endpointSet, scope));
      if (bucket === undefined) return 1;
      if (bucket.paused) return MAX_FRESHNESS_FACTOR;
      const fraction = Math.max(0, bucket.level) / bucket.size.capacity;
      return fraction >= FRESHNESS_FACTOR_FRACTION
        ? 1
        : 1 + (MAX_FRESHNESS_FACTOR - 1) * (1 - fraction / FRESHNESS_FACTOR_FRACTION);
    },
    remaining() {
      const least = new Map<
        string,
        { credential: string; endpointSet: string; remaining: number; capacity: number }
      >();
      for (const bucket of buckets.all()) {
        const { endpointSet, size } = bucket;
        const left = bucket.paused ? 0 : Math.max(0, Math.floor(bucket.level));
        for (const credential of bucket.credentials) {
          const key = `${credential} ${endpointSet}`;
          const known = least.get(key);
          if (known === undefined || left < known.remaining)
            least.set(key, { credential, endpointSet, remaining: left, capacity: size.capacity });
        }
      }
      return [...least.values()];
    },
  };
}
