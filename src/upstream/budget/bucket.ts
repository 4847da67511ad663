import type { BucketSize } from '../../atlas/rate-limit-buckets.ts';
import type { Clock } from '../../lib/clock.ts';
import { upstreamFailure } from '../failure.ts';
import type { UpstreamFailure, UpstreamRequest } from '../message.ts';
import { LONGEST_WAIT_MS, RATE_LIMIT_FLOOR_MS } from '../retry.ts';
import { createFairQueue } from './fair-queue.ts';

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

const IDLE_REPORT_MS = 1_000;
const MAX_WAITING = 1_000;
/** The fraction of a bucket that background refreshes leave to foreground requests. */
const SPARE_FRACTION = 0.25;
/** Upper bound for a pause; afterwards, one request finds out whether the limit still applies. */
const LONGEST_PAUSE_MS = 300_000;
/** The gateway's own requests queue like those of a caller. */
const OWN_CALLER = '';

const rateLimited = (waitMs: number): UpstreamFailure => ({
  ...upstreamFailure('UPSTREAM_RATE_LIMITED', 'The Atlas rate limit is used up for the moment.', waitMs),
  unsent: true,
});

/**
 * One of Atlas's token buckets. Its level is Atlas's own count, as last reported and refilled since, less the calls that this count may not
 * contain yet: those in flight and those reserved. A call leaves these when it ends, by being counted or by being refunded.
 */
export class Bucket {
  readonly endpointSet: string;
  readonly credentials = new Set<string>();
  size: BucketSize;
  readonly #clock: Clock;
  /** Atlas's count. */
  #count: number;
  #filledAt: number;
  /** Calls in flight and reserved. */
  #outstanding = 0;
  /** Number of counts adopted from Atlas. */
  #reports = 0;
  #pausedUntil = 0;
  /** Number of pauses since a call was last answered other than by 429. */
  #strikes = 0;
  readonly #queue = createFairQueue();
  #cancelTimer: (() => void) | undefined;
  /** Usage that has not yet been reported to the other gateways. */
  #unreported: { drawn: number; ceiling: number | undefined; paused: boolean };
  #reportedAt: number;

  constructor({ endpointSet, size }: { endpointSet: string; size: BucketSize }, clock: Clock) {
    this.endpointSet = endpointSet;
    this.size = size;
    this.#clock = clock;
    this.#count = size.capacity;
    this.#filledAt = clock.now();
    this.#unreported = { drawn: 0, ceiling: size.capacity, paused: false };
    this.#reportedAt = clock.now();
  }

  /** Calls that may be sent; negative if more are in flight than Atlas allows. */
  get level(): number {
    return this.#fill() - this.#outstanding;
  }

  get paused(): boolean {
    return this.#pausedUntil > this.#clock.now();
  }

  /** Whether nothing is in flight, reserved or waiting. */
  get idle(): boolean {
    return this.#outstanding === 0 && this.#queue.size === 0;
  }

  /**
   * Charges calls, at once or after a short wait; a failure reports when enough tokens will be available. 0 calls: the request is prepaid,
   * and only waits for the end of a pause.
   */
  acquire(
    request: UpstreamRequest,
    calls: number,
  ): UpstreamFailure | undefined | Promise<UpstreamFailure | undefined> {
    const { priority, caller = OWN_CALLER, deadlineAt } = request;
    const spare = priority === 'background' ? this.size.capacity * SPARE_FRACTION : 0;
    const waitMs = this.#waitFor(calls === 0 ? undefined : calls + spare);
    if (waitMs === 0 && (this.#queue.size === 0 || calls === 0)) {
      this.#take(calls);
      return undefined;
    }
    if (priority === 'background') return rateLimited(waitMs);
    const queueMs = Math.max(waitMs, this.#waitFor(this.#queue.positionOf(caller) + calls));
    const tooLate = queueMs > LONGEST_WAIT_MS || this.#clock.now() + queueMs >= deadlineAt;
    if (tooLate || this.#queue.size >= MAX_WAITING) return rateLimited(Math.max(1, queueMs));
    return new Promise((resolve) => {
      const go = (late: boolean) => resolve(late ? rateLimited(1) : undefined);
      this.#queue.add({ caller, cost: calls, deadlineAt, go });
      this.#drainQueue();
    });
  }

  /** Number of counts adopted from Atlas so far: `count` uses it to recognize a response that is older than the latest of them. */
  get reports(): number {
    return this.#reports;
  }

  /** Returns calls that Atlas has not counted. */
  refund(calls: number): void {
    this.#outstanding -= calls;
    this.#unreported.drawn -= calls;
    this.#drainQueue();
  }

  /**
   * Ends a call that Atlas has counted; `reports` is the number of reports when it was sent. If none was adopted since, the response is the
   * newest one, and its count replaces ours in both directions. Otherwise it may be older, and only a lower count is certain.
   */
  count(reports: number, remaining: number | undefined): void {
    this.#outstanding--;
    this.#strikes = 0;
    if (remaining === undefined) this.#count = this.#fill() - 1;
    else if (reports === this.#reports || remaining < this.#fill()) this.#adopt(remaining);
    this.#drainQueue();
  }

  /** Ends a call that Atlas answered with 429, and returns the pause. `empty`: the response names this bucket. */
  pause(advisedMs: number, { empty }: { empty: boolean }): number {
    this.#outstanding--;
    this.#unreported.drawn--;
    if (empty) this.#adopt(0);
    // Something other than the bucket limits the calls: the pauses grow until it lets one pass.
    else if (!this.paused) this.#strikes++;
    const backoffMs = RATE_LIMIT_FLOOR_MS * 2 ** Math.max(0, this.#strikes - 1);
    const waitMs = Math.max(backoffMs, advisedMs);
    const pauseMs = Math.min(LONGEST_PAUSE_MS, waitMs);
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now() + pauseMs);
    this.#unreported.paused = true;
    this.#drainQueue();
    return waitMs;
  }

  resize(size: BucketSize): void {
    // Tokens that were already taken stay taken.
    this.#count = Math.min(size.capacity, this.#fill() + Math.max(0, size.capacity - this.size.capacity));
    this.size = size;
    this.#drainQueue();
  }

  /** Usage to report to other gateways; undefined if nothing has changed. */
  collectUsage(key: string): BucketUsage | undefined {
    const { drawn, ceiling, paused } = this.#unreported;
    const { capacity } = this.size;
    const changed = drawn !== 0 || paused || (ceiling ?? capacity) < capacity;
    // A bucket that is idle here is reported periodically until it is full, because other gateways may draw from it.
    const due = this.#clock.now() - this.#reportedAt >= IDLE_REPORT_MS && this.level < capacity;
    if (!changed && !due) return undefined;
    this.#reportedAt = this.#clock.now();
    this.#unreported = { drawn: 0, ceiling: undefined, paused: false };
    const pauseMs = paused ? Math.max(0, this.#pausedUntil - this.#clock.now()) : 0;
    return { key, drawn, pauseMs, size: this.size, ...(ceiling === undefined ? {} : { ceiling }) };
  }

  /** Applies the level that all gateways together have left after the reported usage. */
  applyLevel(tokens: number, pauseMs: number): void {
    const { drawn, ceiling = tokens } = this.#unreported;
    this.#count = Math.min(this.size.capacity, tokens - drawn, ceiling) + this.#outstanding;
    this.#filledAt = this.#clock.now();
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now() + pauseMs);
    this.#drainQueue();
  }

  /** Restores usage that could not be reported: the local level is reported next time. */
  restoreUsage({ pauseMs }: BucketUsage): void {
    this.#unreported.ceiling = this.level;
    this.#unreported.paused ||= pauseMs > 0;
  }

  #fill(): number {
    const now = this.#clock.now();
    const { capacity, refill, perMs } = this.size;
    this.#count = Math.min(capacity, this.#count + ((now - this.#filledAt) * refill) / perMs);
    this.#filledAt = now;
    return this.#count;
  }

  #take(calls: number): void {
    this.#outstanding += calls;
    this.#unreported.drawn += calls;
  }

  #adopt(count: number): void {
    this.#reports++;
    this.#count = Math.min(this.size.capacity, count);
    this.#filledAt = this.#clock.now();
    const { ceiling = this.level } = this.#unreported;
    this.#unreported.ceiling = Math.min(ceiling, this.level);
  }

  /** Milliseconds until the bucket has `tokens`, if given, and is not paused. */
  #waitFor(tokens: number | undefined): number {
    const missing = tokens === undefined ? 0 : tokens - this.level;
    const refillMs = missing <= 0 ? 0 : Math.ceil((missing * this.size.perMs) / this.size.refill);
    return Math.max(this.#pausedUntil - this.#clock.now(), refillMs, 0);
  }

  #drainQueue(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    for (let next = this.#queue.next(); next !== undefined; next = this.#queue.next()) {
      const late = this.#clock.now() >= next.deadlineAt;
      const waitMs = late ? 0 : this.#waitFor(next.cost === 0 ? undefined : next.cost);
      if (waitMs > 0) {
        this.#cancelTimer = this.#clock.after(waitMs, () => this.#drainQueue());
        return;
      }
      this.#queue.shift();
      if (!late) this.#take(next.cost);
      next.go(late);
    }
  }
}
