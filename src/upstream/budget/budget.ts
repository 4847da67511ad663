import { type BucketSize, bucketSizeOf } from '../../atlas/rate-limit-buckets.ts';
import type { Clock } from '../../lib/clock.ts';
import { upstreamFailure } from '../failure.ts';
import type { Send, UpstreamFailure, UpstreamRequest, UpstreamResponse, UpstreamResult } from '../message.ts';
import { LONGEST_WAIT_MS, RATE_LIMIT_FLOOR_MS } from '../retry.ts';
import { readRetryAfter } from '../retry-after.ts';
import { createFairQueue, type FairQueue } from './fair-queue.ts';
import { bucketOf429, limitOf, readCount, readRateLimits } from './rate-limit-messages.ts';

/** What happened to a bucket since it was last told of. */
export interface BucketUsage {
  readonly key: string;
  readonly drawn: number;
  /** It is no fuller than this, as far as is known. */
  readonly ceiling?: number;
  /** How long Atlas asked to be left alone, from now on. */
  readonly pauseMs: number;
  readonly size: BucketSize;
}

/** What gateways that share a budget tell each other of it: each draws at once, and they put it together every now and then. */
export interface BudgetShare {
  /** The buckets that something happened to since this was last called, and some that others may have drawn from. */
  collectUsage(): readonly BucketUsage[];
  /** What all gateways together have left after what was told is taken out. */
  applyLevels(levels: readonly { key: string; tokens: number; pauseMs: number }[]): void;
  /** Nobody was told of these: what is left here is told next time, and until then it counts alone. */
  restoreUsage(usage: readonly BucketUsage[]): void;
}

/** What is left of Atlas's rate limits. A bucket belongs to a project or an organization, whoever asks; or to a credential's user. */
export interface Budget extends BudgetShare {
  /** The layer that spends it, for one credential. */
  readonly limit: (credential: string) => (next: Send) => Send;
  /** How many times longer than usual a list should count as fresh: 1 with plenty left, up to 4 as the bucket empties. */
  freshnessFactor(credential: string, endpointSet: string, scope: string): number;
  /** Each credential's fullest and emptiest: the least that any of its scopes has left, by endpoint set. */
  remaining(): readonly { credential: string; endpointSet: string; remaining: number; capacity: number }[];
}

interface Bucket {
  size: BucketSize;
  tokens: number;
  countedAt: number;
  /** Atlas asked to be left alone until then. */
  pausedUntil: number;
  readonly queue: FairQueue;
  readonly endpointSet: string;
  readonly credentials: Set<string>;
  waking: (() => void) | undefined;
  /** What the other gateways have not been told of. */
  unreported: { drawn: number; ceiling: number | undefined; paused: boolean };
  reportedAt: number;
}

const MAX_BUCKETS = 10_000;
/** Buckets that others are told of at once. */
const MAX_REPORTED = 500;
const ASK_QUIET_MS = 1_000;
const MAX_WAITING = 1_000;
/** A background refresh leaves this part of a bucket to those who wait for an answer. */
const SPARE_FRACTION = 0.25;
/** Below this part freshness begins to stretch. */
const FRESHNESS_FACTOR_FRACTION = 0.5;
const MAX_FRESHNESS_FACTOR = 4;
/** However long a wait Atlas asks for, after this one question finds out whether it still holds. */
const LONGEST_PAUSE_MS = 300_000;
/** How long the limits Atlas told are believed, and how soon one that would not tell is asked again. */
const LIMITS_TTL_MS = 24 * 3_600_000;
const MAX_ASKED = 10_000;
const RATE_LIMITS = '/api/atlas/v2/rateLimits';
const RATE_LIMITS_ACCEPT = 'application/vnd.atlas.2025-03-12+json';
/** The gateway's own questions take turns like a caller's. */
const OWN = '';

/**
 * Token buckets as Atlas documents them, by endpoint set and scope, corrected by what its answers say. Who finds too little waits a moment,
 * callers in turn, or is told when to come back. A walk pays for all its pages at once; a background refresh spends only what is spare.
 */
export function createBudget({ clock }: { clock: Clock }): Budget {
  const buckets = new Map<string, Bucket>();
  /** Until when a credential need not be asked for the limits of a scope. */
  const asked = new Map<string, number>();

  // A user's bucket is its credential's; a project's is shared by all credentials that see it.
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
        waking: undefined,
        unreported: { drawn: 0, ceiling: size.capacity, paused: false },
        reportedAt: clock.now(),
      };
    }
    buckets.delete(key);
    buckets.set(key, bucket);
    bucket.credentials.add(credential);
    if (buckets.size > MAX_BUCKETS) forgetOldest();
    return bucket;
  }

  /** The bucket that was not used for longest has refilled, or is corrected by its next answer. */
  function forgetOldest(): void {
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
  /** Milliseconds until `tokens` are there and no pause holds. */
  const waitFor = (bucket: Bucket, tokens: number) =>
    Math.max(bucket.pausedUntil - clock.now(), msFor(bucket, tokens - fill(bucket)), 0);
  const spent = (waitMs: number) =>
    upstreamFailure(
      'UPSTREAM_RATE_LIMITED',
      "What Atlas's rate limit leaves is spent for the moment.",
      waitMs,
    );

  function spend(bucket: Bucket, cost: number): void {
    bucket.tokens -= cost;
    bucket.unreported.drawn += cost;
  }

  /** It holds no more than `tokens`, says Atlas. */
  function lower(bucket: Bucket, tokens: number): void {
    bucket.tokens = Math.min(fill(bucket), tokens);
    bucket.unreported.ceiling = Math.min(bucket.unreported.ceiling ?? tokens, tokens);
  }

  function serveTurns(bucket: Bucket): void {
    bucket.waking?.();
    bucket.waking = undefined;
    for (let next = bucket.queue.next(); next !== undefined; next = bucket.queue.next()) {
      const late = clock.now() >= next.deadlineAt;
      const waitMs = late ? 0 : waitFor(bucket, next.cost);
      if (waitMs > 0) {
        bucket.waking = clock.after(waitMs, () => serveTurns(bucket));
        return;
      }
      bucket.queue.shift();
      if (!late) spend(bucket, next.cost);
      next.go();
    }
  }

  /** Takes what a request costs, at once or after a short wait; a failure says when there will be enough. */
  function acquire(
    bucket: Bucket,
    request: UpstreamRequest,
  ): UpstreamFailure | undefined | Promise<undefined> {
    const { priority, caller = OWN, deadlineAt } = request;
    const cost = Math.min(request.cost ?? 1, bucket.size.capacity);
    const reserve = priority === 'background' ? bucket.size.capacity * SPARE_FRACTION : 0;
    const waitMs = waitFor(bucket, cost === 0 ? 0 : cost + reserve);
    if (waitMs === 0 && (bucket.queue.size === 0 || cost === 0)) {
      spend(bucket, cost);
      return undefined;
    }
    if (priority === 'background') return spent(waitMs);
    const inTurnMs = Math.max(waitMs, waitFor(bucket, bucket.queue.positionOf(caller) + cost));
    const tooLate = inTurnMs > LONGEST_WAIT_MS || clock.now() + inTurnMs >= deadlineAt;
    if (tooLate || bucket.queue.size >= MAX_WAITING) return spent(Math.max(1, inTurnMs));
    return new Promise((resolve) => {
      bucket.queue.add({ caller, cost, deadlineAt, go: () => resolve(undefined) });
      serveTurns(bucket);
    });
  }

  function resize(bucket: Bucket, size: BucketSize): void {
    fill(bucket);
    // What was taken stays taken.
    bucket.tokens = Math.min(
      size.capacity,
      bucket.tokens + Math.max(0, size.capacity - bucket.size.capacity),
    );
    bucket.size = size;
  }

  /** A 429 says that the bucket is empty, how large it is, and how long to wait. */
  function learnFrom429(bucket: Bucket, answer: UpstreamResponse): UpstreamFailure {
    const size = bucketOf429(answer);
    if (size !== undefined) resize(bucket, size);
    lower(bucket, 0);
    bucket.unreported.paused = true;
    const waitMs = Math.max(RATE_LIMIT_FLOOR_MS, readRetryAfter(answer.headers, clock) ?? 0);
    bucket.pausedUntil = Math.max(bucket.pausedUntil, clock.now() + Math.min(LONGEST_PAUSE_MS, waitMs));
    return upstreamFailure('UPSTREAM_RATE_LIMITED', 'Atlas limits the rate of requests.', waitMs);
  }

  function learn(bucket: Bucket, answer: UpstreamResult): UpstreamResult {
    if (answer.type === 'failed') return answer;
    if (answer.status === 429) return learnFrom429(bucket, answer);
    const remaining = readCount(answer.headers['ratelimit-remaining']);
    // Others use the same bucket: Atlas's count is believed where it is lower. Where it is higher, pages may be paid for that are not asked yet.
    if (remaining !== undefined) lower(bucket, remaining);
    return answer;
  }

  /** Asks for the limits in force when a bucket runs low, which is when they matter: once a day for each scope. */
  function askForLimits(bucket: Bucket, credential: string, request: UpstreamRequest, next: Send): void {
    const { scope, endpointSet } = request;
    const low = fill(bucket) < bucket.size.capacity * FRESHNESS_FACTOR_FRACTION;
    const key = `${credential} ${scope}`;
    if (!low || request.operation === 'listRateLimits' || (asked.get(key) ?? 0) > clock.now()) return;
    if (asked.size >= MAX_ASKED) asked.clear();
    asked.set(key, clock.now() + LIMITS_TTL_MS);
    const named = scope === 'user' ? '' : `&${endpointSet.startsWith('org.') ? 'orgId' : 'groupId'}=${scope}`;
    const question: UpstreamRequest = {
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
    )(question).then((answer) => {
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
      askForLimits(bucket, credential, request, next);
      return learn(bucket, await next(request));
    };
  };

  return {
    collectUsage() {
      const usage: BucketUsage[] = [];
      for (const [key, bucket] of buckets) {
        const { drawn, ceiling, paused } = bucket.unreported;
        const news = drawn > 0 || paused || (ceiling ?? bucket.size.capacity) < bucket.size.capacity;
        // What others draw from a bucket that is quiet here is asked for now and then, until it is full.
        const due = clock.now() - bucket.reportedAt >= ASK_QUIET_MS && fill(bucket) < bucket.size.capacity;
        if (!news && !due) continue;
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
        if (bucket.queue.size > 0) serveTurns(bucket);
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
