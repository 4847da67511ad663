import { LRUCache } from 'lru-cache';
import { type BucketSize, bucketSizeOf } from '../../atlas/rate-limit-buckets.ts';
import type { Clock } from '../../lib/clock.ts';
import { expireAfter } from '../../lib/lru-expiry.ts';
import { upstreamFailure } from '../failure.ts';
import type { Send, UpstreamFailure, UpstreamRequest, UpstreamResponse, UpstreamResult } from '../message.ts';
import { LONGEST_WAIT_MS, RATE_LIMIT_FLOOR_MS } from '../retry.ts';
import { readRetryAfter } from '../retry-after.ts';
import { createFairQueue, type FairQueue } from './fair-queue.ts';
import { bucketOf429, limitOf, readCount, readRateLimits } from './rate-limit-messages.ts';

/** The usage of a bucket since its last report. */
export interface BucketUsage {
  readonly key: string;
  readonly drawn: number;
  /** The known upper bound of the level. */
  readonly ceiling?: number;
  /** The remaining pause that Atlas requested with `Retry-After`. */
  readonly pauseMs: number;
  readonly size: BucketSize;
}

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

interface Bucket {
  size: BucketSize;
  tokens: number;
  countedAt: number;
  /** End of the pause that Atlas requested with `Retry-After`. */
  pausedUntil: number;
  readonly queue: FairQueue;
  readonly endpointSet: string;
  readonly credentials: Set<string>;
  cancelTimer: (() => void) | undefined;
  /** Usage that has not yet been reported to the other gateways. */
  unreported: { drawn: number; ceiling: number | undefined; paused: boolean };
  reportedAt: number;
}

const MAX_BUCKETS = 10_000;
/** Maximum number of buckets per report. */
const MAX_REPORTED = 500;
const IDLE_REPORT_MS = 1_000;
const MAX_WAITING = 1_000;
/** The fraction of a bucket that background refreshes leave to foreground requests. */
const SPARE_FRACTION = 0.25;
/** Freshness is extended when the level falls below this fraction. */
const FRESHNESS_FACTOR_FRACTION = 0.5;
const MAX_FRESHNESS_FACTOR = 4;
/** Upper bound for a pause that Atlas requests; afterwards, one request finds out whether the limit still applies. */
const LONGEST_PAUSE_MS = 300_000;
/** How long limits from `GET /rateLimits` are valid, and the pause before another attempt if that request failed. */
const LIMITS_TTL_MS = 24 * 3_600_000;
const MAX_LIMIT_REQUESTS = 10_000;
const RATE_LIMITS = '/api/atlas/v2/rateLimits';
const RATE_LIMITS_ACCEPT = 'application/vnd.atlas.2025-03-12+json';
/** The gateway's own requests queue like those of a caller. */
const OWN_CALLER = '';

/**
 * Token buckets as Atlas documents them, by endpoint set and scope, corrected by its responses. With too few tokens, requests queue for a
 * short time, round-robin by caller, or fail with `retryAfterMs`. A walk charges all its pages at once; background refreshes use only spare
 * tokens.
 */
export function createBudget({ clock }: { clock: Clock }): Budget {
  const buckets = new Map<string, Bucket>();
  /** Credentials and scopes whose limits need not be requested again yet; a forgotten one costs one request. */
  const limitsRequested = new LRUCache<string, true>({
    max: MAX_LIMIT_REQUESTS,
    ...expireAfter(LIMITS_TTL_MS, clock),
  });

  // A user bucket belongs to one credential; a project bucket is shared by all credentials with access to the project.
  const keyOf = (credential: string, endpointSet: string, scope: string) =>
    scope === 'user' ? `${endpointSet} user ${credential}` : `${endpointSet} ${scope}`;

  function bucketFor(credential: string, { endpointSet, scope }: UpstreamRequest): Bucket {
    const key = keyOf(credential, endpointSet, scope);
    let bucket = buckets.get(key);
    if (bucket === undefined) {
      const size = bucketSizeOf(endpointSet);
      bucket = {
        size,
        tokens: size.capacity,
        countedAt: clock.now(),
        pausedUntil: 0,
        queue: createFairQueue(),
        endpointSet,
        credentials: new Set(),
        cancelTimer: undefined,
        unreported: { drawn: 0, ceiling: size.capacity, paused: false },
        reportedAt: clock.now(),
      };
    }
    buckets.delete(key);
    buckets.set(key, bucket);
    bucket.credentials.add(credential);
    if (buckets.size > MAX_BUCKETS) evictOldest();
    return bucket;
  }

  /** Evicts the least recently used bucket: it has refilled by now, or the next response corrects it. */
  function evictOldest(): void {
    for (const [key, { queue }] of buckets) {
      if (queue.size > 0) continue;
      buckets.delete(key);
      return;
    }
  }

  function fill(bucket: Bucket): number {
    const now = clock.now();
    const { capacity, refill, perMs } = bucket.size;
    bucket.tokens = Math.min(capacity, bucket.tokens + ((now - bucket.countedAt) * refill) / perMs);
    bucket.countedAt = now;
    return bucket.tokens;
  }

  const msFor = ({ size }: Bucket, tokens: number) =>
    tokens <= 0 ? 0 : Math.ceil((tokens * size.perMs) / size.refill);
  /** Milliseconds until the bucket has `tokens` and is not paused. */
  const waitFor = (bucket: Bucket, tokens: number) =>
    Math.max(bucket.pausedUntil - clock.now(), msFor(bucket, tokens - fill(bucket)), 0);
  const spent = (waitMs: number): UpstreamFailure => ({
    ...upstreamFailure('UPSTREAM_RATE_LIMITED', 'The Atlas rate limit is used up for the moment.', waitMs),
    unsent: true,
  });

  function spend(bucket: Bucket, cost: number): void {
    bucket.tokens -= cost;
    bucket.unreported.drawn += cost;
  }

  /** Lowers the level to a value that Atlas reported. */
  function lower(bucket: Bucket, tokens: number): void {
    bucket.tokens = Math.min(fill(bucket), tokens);
    bucket.unreported.ceiling = Math.min(bucket.unreported.ceiling ?? tokens, tokens);
  }

  function drainQueue(bucket: Bucket): void {
    bucket.cancelTimer?.();
    bucket.cancelTimer = undefined;
    for (let next = bucket.queue.next(); next !== undefined; next = bucket.queue.next()) {
      const late = clock.now() >= next.deadlineAt;
      const waitMs = late ? 0 : waitFor(bucket, next.cost);
      if (waitMs > 0) {
        bucket.cancelTimer = clock.after(waitMs, () => drainQueue(bucket));
        return;
      }
      bucket.queue.shift();
      if (!late) spend(bucket, next.cost);
      next.go();
    }
  }

  /** Takes the tokens for a request, at once or after a short wait; a failure reports when enough tokens will be available. */
  function acquire(
    bucket: Bucket,
    request: UpstreamRequest,
  ): UpstreamFailure | undefined | Promise<undefined> {
    const { priority, caller = OWN_CALLER, deadlineAt } = request;
    const cost = Math.min(request.cost ?? 1, bucket.size.capacity);
    const reserve = priority === 'background' ? bucket.size.capacity * SPARE_FRACTION : 0;
    const waitMs = waitFor(bucket, cost === 0 ? 0 : cost + reserve);
    if (waitMs === 0 && (bucket.queue.size === 0 || cost === 0)) {
      spend(bucket, cost);
      return undefined;
    }
    if (priority === 'background') return spent(waitMs);
    const queueMs = Math.max(waitMs, waitFor(bucket, bucket.queue.positionOf(caller) + cost));
    const tooLate = queueMs > LONGEST_WAIT_MS || clock.now() + queueMs >= deadlineAt;
    if (tooLate || bucket.queue.size >= MAX_WAITING) return spent(Math.max(1, queueMs));
    return new Promise((resolve) => {
      bucket.queue.add({ caller, cost, deadlineAt, go: () => resolve(undefined) });
      drainQueue(bucket);
    });
  }

  function resize(bucket: Bucket, size: BucketSize): void {
    fill(bucket);
    // Tokens that were already taken stay taken.
    bucket.tokens = Math.min(
      size.capacity,
      bucket.tokens + Math.max(0, size.capacity - bucket.size.capacity),
    );
    bucket.size = size;
  }

  /** A 429 means that the bucket is empty; it also reports the bucket's size and the wait. */
  function adjustFrom429(bucket: Bucket, answer: UpstreamResponse): UpstreamFailure {
    const size = bucketOf429(answer);
    if (size !== undefined) resize(bucket, size);
    lower(bucket, 0);
    bucket.unreported.paused = true;
    const waitMs = Math.max(RATE_LIMIT_FLOOR_MS, readRetryAfter(answer.headers, clock) ?? 0);
    bucket.pausedUntil = Math.max(bucket.pausedUntil, clock.now() + Math.min(LONGEST_PAUSE_MS, waitMs));
    return upstreamFailure(
      'UPSTREAM_RATE_LIMITED',
      'Atlas answered 429: its rate limit is exceeded.',
      waitMs,
    );
  }

  function adjust(bucket: Bucket, answer: UpstreamResult): UpstreamResult {
    if (answer.type === 'failed') return answer;
    if (answer.status === 429) return adjustFrom429(bucket, answer);
    const remaining = readCount(answer.headers['ratelimit-remaining']);
    // Others use the same bucket, so a lower count from Atlas is adopted; a higher one is not, because prepaid pages may be outstanding.
    if (remaining !== undefined) lower(bucket, remaining);
    return answer;
  }

  /** Requests the current limits when a bucket runs low, which is when they matter: once a day per scope. */
  function requestLimits(bucket: Bucket, credential: string, request: UpstreamRequest, next: Send): void {
    const { scope, endpointSet } = request;
    const low = fill(bucket) < bucket.size.capacity * FRESHNESS_FACTOR_FRACTION;
    const key = `${credential} ${scope}`;
    if (!low || request.operation === 'listRateLimits' || limitsRequested.has(key)) return;
    limitsRequested.set(key, true);
    const named = scope === 'user' ? '' : `&${endpointSet.startsWith('org.') ? 'orgId' : 'groupId'}=${scope}`;
    const limitsRequest: UpstreamRequest = {
      operation: 'listRateLimits',
      target: `${RATE_LIMITS}?itemsPerPage=500&pageNum=1${named}`,
      accept: RATE_LIMITS_ACCEPT,
      deadlineAt: request.deadlineAt,
      priority: 'background',
      endpointSet: 'user.rateLimits',
      scope: 'user',
    };
    void spending(
      credential,
      next,
    )(limitsRequest).then((answer) => {
      if (answer.type === 'failed') return;
      const limits = readRateLimits(answer);
      for (const [one, bucket] of buckets) {
        const size = limitOf(limits, bucket.endpointSet);
        if (size !== undefined && one === keyOf(credential, bucket.endpointSet, scope)) resize(bucket, size);
      }
    });
  }

  const spending = (credential: string, next: Send): Send => {
    return async (request) => {
      const bucket = bucketFor(credential, request);
      const failure = await acquire(bucket, request);
      if (failure !== undefined) return failure;
      requestLimits(bucket, credential, request, next);
      return adjust(bucket, await next(request));
    };
  };

  return {
    collectUsage() {
      const usage: BucketUsage[] = [];
      for (const [key, bucket] of buckets) {
        const { drawn, ceiling, paused } = bucket.unreported;
        const changed = drawn > 0 || paused || (ceiling ?? bucket.size.capacity) < bucket.size.capacity;
        // A bucket that is idle here is reported periodically until it is full, because other gateways may draw from it.
        const due = clock.now() - bucket.reportedAt >= IDLE_REPORT_MS && fill(bucket) < bucket.size.capacity;
        if (!changed && !due) continue;
        if (usage.length >= MAX_REPORTED) break;
        bucket.reportedAt = clock.now();
        const pauseMs = paused ? Math.max(0, bucket.pausedUntil - clock.now()) : 0;
        usage.push({
          key,
          drawn,
          pauseMs,
          size: bucket.size,
          ...(ceiling === undefined ? {} : { ceiling }),
        });
        bucket.unreported = { drawn: 0, ceiling: undefined, paused: false };
      }
      return usage;
    },
    applyLevels(levels) {
      for (const { key, tokens, pauseMs } of levels) {
        const bucket = buckets.get(key);
        if (bucket === undefined) continue;
        const { drawn, ceiling = tokens } = bucket.unreported;
        bucket.tokens = Math.min(bucket.size.capacity, tokens - drawn, ceiling);
        bucket.countedAt = clock.now();
        bucket.pausedUntil = Math.max(bucket.pausedUntil, clock.now() + pauseMs);
        if (bucket.queue.size > 0) drainQueue(bucket);
      }
    },
    restoreUsage(usage) {
      for (const { key, pauseMs } of usage) {
        const bucket = buckets.get(key);
        if (bucket === undefined) continue;
        bucket.unreported.ceiling = fill(bucket);
        bucket.unreported.paused ||= pauseMs > 0;
      }
    },
    limit: (credential) => (next) => spending(credential, next),
    freshnessFactor(credential, endpointSet, scope) {
      const bucket = buckets.get(keyOf(credential, endpointSet, scope));
      if (bucket === undefined) return 1;
      if (bucket.pausedUntil > clock.now()) return MAX_FRESHNESS_FACTOR;
      const fraction = Math.max(0, fill(bucket)) / bucket.size.capacity;
      return fraction >= FRESHNESS_FACTOR_FRACTION
        ? 1
        : 1 + (MAX_FRESHNESS_FACTOR - 1) * (1 - fraction / FRESHNESS_FACTOR_FRACTION);
    },
    remaining() {
      const least = new Map<
        string,
        { credential: string; endpointSet: string; remaining: number; capacity: number }
      >();
      for (const bucket of buckets.values()) {
        const { endpointSet, size, pausedUntil } = bucket;
        const left = pausedUntil > clock.now() ? 0 : Math.max(0, Math.floor(fill(bucket)));
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
