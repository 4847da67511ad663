import { type BucketSize, bucketSizeOf } from '../atlas/endpoint-sets.ts';
import type { Clock } from '../lib/clock.ts';
import { failed } from './failure.ts';
import type { Send, UpstreamAnswer, UpstreamFailure, UpstreamRequest, UpstreamResponse } from './message.ts';
import { bucketOf429, limitOf, readCount, readRateLimits } from './rate-limits.ts';
import { LONGEST_WAIT_MS, RATE_LIMIT_FLOOR_MS } from './retry.ts';
import { readRetryAfter } from './retry-after.ts';
import { createTurns, type Turns } from './turns.ts';

/** What happened to a bucket since it was last told of. */
export interface BudgetAccount {
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
  take(): readonly BudgetAccount[];
  /** What all gateways together have left after what was told is taken out. */
  settle(levels: readonly { key: string; tokens: number; pauseMs: number }[]): void;
  /** Nobody was told of these: what is left here is told next time, and until then it counts alone. */
  giveUp(accounts: readonly BudgetAccount[]): void;
}

/** What is left of Atlas's rate limits. A bucket belongs to a project or an organization, whoever asks; or to a credential's user. */
export interface Budget extends BudgetShare {
  /** The layer that spends it, for one credential. */
  readonly limit: (credential: string) => (next: Send) => Send;
  /** How many times longer than usual a list should count as fresh: 1 with plenty left, up to 4 as the bucket empties. */
  stretch(credential: string, endpointSet: string, scope: string): number;
  /** Each credential's fullest and emptiest: the least that any of its scopes has left, by endpoint set. */
  remaining(): readonly { credential: string; endpointSet: string; remaining: number; capacity: number }[];
}

interface Bucket {
  size: BucketSize;
  tokens: number;
  countedAt: number;
  /** Atlas asked to be left alone until then. */
  pausedUntil: number;
  readonly turns: Turns;
  readonly endpointSet: string;
  readonly credentials: Set<string>;
  waking: (() => void) | undefined;
  /** What the other gateways have not been told of. */
  untold: { drawn: number; ceiling: number | undefined; paused: boolean };
  toldAt: number;
}

const MAX_BUCKETS = 10_000;
/** Buckets that others are told of at once. */
const MAX_TOLD = 500;
const ASK_QUIET_MS = 1_000;
const MAX_WAITING = 1_000;
/** A background refresh leaves this part of a bucket to those who wait for an answer. */
const SPARE_PART = 0.25;
/** Below this part freshness begins to stretch. */
const STRETCH_PART = 0.5;
const LONGEST_STRETCH = 4;
/** However long a wait Atlas asks for, after this one question finds out whether it still holds. */
const LONGEST_PAUSE_MS = 300_000;
/** How long the limits Atlas told are believed, and how soon one that would not tell is asked again. */
const LIMITS_BELIEVED_MS = 24 * 3_600_000;
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
        turns: createTurns(),
        endpointSet,
        credentials: new Set(),
        waking: undefined,
        untold: { drawn: 0, ceiling: size.capacity, paused: false },
        toldAt: clock.now(),
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
    for (const [key, { turns }] of buckets) {
      if (turns.size > 0) continue;
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
    failed('UPSTREAM_RATE_LIMITED', "What Atlas's rate limit leaves is spent for the moment.", waitMs);

  function spend(bucket: Bucket, draws: number): void {
    bucket.tokens -= draws;
    bucket.untold.drawn += draws;
  }

  /** It holds no more than `tokens`, says Atlas. */
  function lower(bucket: Bucket, tokens: number): void {
    bucket.tokens = Math.min(fill(bucket), tokens);
    bucket.untold.ceiling = Math.min(bucket.untold.ceiling ?? tokens, tokens);
  }

  function serveTurns(bucket: Bucket): void {
    bucket.waking?.();
    bucket.waking = undefined;
    for (let next = bucket.turns.next(); next !== undefined; next = bucket.turns.next()) {
      const late = clock.now() >= next.deadlineAt;
      const waitMs = late ? 0 : waitFor(bucket, next.draws);
      if (waitMs > 0) {
        bucket.waking = clock.after(waitMs, () => serveTurns(bucket));
        return;
      }
      bucket.turns.shift();
      if (!late) spend(bucket, next.draws);
      next.go();
    }
  }

  /** Takes what a request costs, at once or after a short wait; a failure says when there will be enough. */
  function draw(bucket: Bucket, request: UpstreamRequest): UpstreamFailure | undefined | Promise<undefined> {
    const { purpose, caller = OWN, deadlineAt } = request;
    const draws = Math.min(request.draws ?? 1, bucket.size.capacity);
    const kept = purpose === 'background' ? bucket.size.capacity * SPARE_PART : 0;
    const waitMs = waitFor(bucket, draws === 0 ? 0 : draws + kept);
    if (waitMs === 0 && (bucket.turns.size === 0 || draws === 0)) {
      spend(bucket, draws);
      return undefined;
    }
    if (purpose === 'background') return spent(waitMs);
    const inTurnMs = Math.max(waitMs, waitFor(bucket, bucket.turns.ahead(caller) + draws));
    const tooLate = inTurnMs > LONGEST_WAIT_MS || clock.now() + inTurnMs >= deadlineAt;
    if (tooLate || bucket.turns.size >= MAX_WAITING) return spent(Math.max(1, inTurnMs));
    return new Promise((resolve) => {
      bucket.turns.add({ caller, draws, deadlineAt, go: () => resolve(undefined) });
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
    bucket.untold.paused = true;
    const waitMs = Math.max(RATE_LIMIT_FLOOR_MS, readRetryAfter(answer.headers, clock) ?? 0);
    bucket.pausedUntil = Math.max(bucket.pausedUntil, clock.now() + Math.min(LONGEST_PAUSE_MS, waitMs));
    return failed('UPSTREAM_RATE_LIMITED', 'Atlas limits the rate of requests.', waitMs);
  }

  function learn(bucket: Bucket, answer: UpstreamAnswer): UpstreamAnswer {
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
    const low = fill(bucket) < bucket.size.capacity * STRETCH_PART;
    const key = `${credential} ${scope}`;
    if (!low || request.operation === 'listRateLimits' || (asked.get(key) ?? 0) > clock.now()) return;
    if (asked.size >= MAX_ASKED) asked.clear();
    asked.set(key, clock.now() + LIMITS_BELIEVED_MS);
    const named = scope === 'user' ? '' : `&${endpointSet.startsWith('org.') ? 'orgId' : 'groupId'}=${scope}`;
    const question: UpstreamRequest = {
      operation: 'listRateLimits',
      target: `${RATE_LIMITS}?itemsPerPage=500&pageNum=1${named}`,
      accept: RATE_LIMITS_ACCEPT,
      deadlineAt: request.deadlineAt,
      purpose: 'background',
      endpointSet: 'user.rateLimits',
      scope: 'user',
    };
    void spending(
      credential,
      next,
    )(question).then((answer) => {
      if (answer.type === 'failed') return;
      const limits = readRateLimits(answer);
      for (const [one, held] of buckets) {
        const size = limitOf(limits, held.endpointSet);
        if (size !== undefined && one === keyOf(credential, held.endpointSet, scope)) resize(held, size);
      }
    });
  }

  const spending = (credential: string, next: Send): Send => {
    return async (request) => {
      const bucket = bucketFor(credential, request);
      const refusal = await draw(bucket, request);
      if (refusal !== undefined) return refusal;
      askForLimits(bucket, credential, request, next);
      return learn(bucket, await next(request));
    };
  };

  return {
    take() {
      const accounts: BudgetAccount[] = [];
      for (const [key, bucket] of buckets) {
        const { drawn, ceiling, paused } = bucket.untold;
        const news = drawn > 0 || paused || (ceiling ?? bucket.size.capacity) < bucket.size.capacity;
        // What others draw from a bucket that is quiet here is asked for now and then, until it is full.
        const due = clock.now() - bucket.toldAt >= ASK_QUIET_MS && fill(bucket) < bucket.size.capacity;
        if (!news && !due) continue;
        if (accounts.length >= MAX_TOLD) break;
        bucket.toldAt = clock.now();
        const pauseMs = paused ? Math.max(0, bucket.pausedUntil - clock.now()) : 0;
        accounts.push({
          key,
          drawn,
          pauseMs,
          size: bucket.size,
          ...(ceiling === undefined ? {} : { ceiling }),
        });
        bucket.untold = { drawn: 0, ceiling: undefined, paused: false };
      }
      return accounts;
    },
    settle(levels) {
      for (const { key, tokens, pauseMs } of levels) {
        const bucket = buckets.get(key);
        if (bucket === undefined) continue;
        const { drawn, ceiling = tokens } = bucket.untold;
        bucket.tokens = Math.min(bucket.size.capacity, tokens - drawn, ceiling);
        bucket.countedAt = clock.now();
        bucket.pausedUntil = Math.max(bucket.pausedUntil, clock.now() + pauseMs);
        if (bucket.turns.size > 0) serveTurns(bucket);
      }
    },
    giveUp(accounts) {
      for (const { key, pauseMs } of accounts) {
        const bucket = buckets.get(key);
        if (bucket === undefined) continue;
        bucket.untold.ceiling = fill(bucket);
        bucket.untold.paused ||= pauseMs > 0;
      }
    },
    limit: (credential) => (next) => spending(credential, next),
    stretch(credential, endpointSet, scope) {
      const bucket = buckets.get(keyOf(credential, endpointSet, scope));
      if (bucket === undefined) return 1;
      if (bucket.pausedUntil > clock.now()) return LONGEST_STRETCH;
      const part = Math.max(0, fill(bucket)) / bucket.size.capacity;
      return part >= STRETCH_PART ? 1 : 1 + (LONGEST_STRETCH - 1) * (1 - part / STRETCH_PART);
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
