import type { Clock } from './clock.ts';

/**
 * Options of an `LRUCache` whose entries expire once `ttlMs` have passed since they were set; `ttlMs` is an integer over 1. Reading an
 * entry does not extend its life.
 */
export const expireAfter = (ttlMs: number, clock: Pick<Clock, 'now'>) => ({
  // An entry is served until its age exceeds the ttl; here it must be gone when it reaches it.
  ttl: ttlMs - 1,
  // By default a reading of the clock is reused for a millisecond of real time, in which a clock that tests advance moves by hours.
  ttlResolution: 0,
  // A start of 0 means that the entry does not expire, and a clock may start there.
  perf: { now: () => clock.now() + 1 },
});
