import { describe, expect, test } from 'vitest';
import { createCallerLimits, MAX_LOADS } from '../../../src/gateway/auth/caller-limits.ts';
import type { Caller } from '../../../src/gateway/auth/key-auth.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const caller = (limits: Pick<Caller, 'requestsPerMinute' | 'spendPerMinute'> = {}): Caller => ({
  name: 'team',
  projects: 'all',
  organizations: 'all',
  operations: new Set(['lists']),
  ...limits,
});
const start = (configured: Caller) => {
  const limits = createCallerLimits(createFakeClock());
  limits.replace([configured]);
  return limits;
};

describe('the limits of a caller', () => {
  test('requests beyond the rate wait; without a rate none does', () => {
    const limits = start(caller());
    const limited = caller({ requestsPerMinute: 2 });
    expect([0, 1, 2].map(() => limits.acquireRequest(limited))).toEqual([0, 0, 30_000]);
    expect(limits.acquireRequest(caller())).toBe(0);
  });

  test('a load reserves its calls, and returns those that it did not make', () => {
    const limits = start(caller({ spendPerMinute: 3 }));
    const load = { forced: false, calls: 3 };
    const first = limits.reserveLoad('team', load);
    expect(limits.reserveLoad('team', load)).toMatchObject({ type: 'limited', limit: 'upstream-calls' });
    if (first.type === 'reserved') {
      first.charge();
      first.end();
      first.end();
    }
    const left = [0, 1, 2].map(() => limits.reserveLoad('team', { forced: false, calls: 1 }).type);
    expect(left).toEqual(['reserved', 'reserved', 'limited']);
  });

  test('only loads that directives force are limited without a quota', () => {
    const limits = start(caller());
    const types = (forced: boolean) =>
      Array.from({ length: 21 }, () => limits.reserveLoad('team', { forced, calls: 1 }).type);
    expect(types(false)).not.toContain('limited');
    expect(types(true).indexOf('limited')).toBe(20);
  });

  test('one caller may have half of all loads in progress, and the next one half of the rest', () => {
    const limits = start(caller());
    const load = { forced: false, calls: 1 };
    const begin = (name: string) =>
      Array.from({ length: MAX_LOADS }, () => limits.reserveLoad(name, load)).filter(
        (one) => one.type === 'reserved',
      );
    const first = begin('busy');
    expect(first).toHaveLength(MAX_LOADS / 2);
    expect(begin('other')).toHaveLength(MAX_LOADS / 4);
    expect(limits.reserveLoad('busy', load)).toMatchObject({ type: 'limited', limit: 'loads' });
    for (const { end } of first) end();
    expect(begin('third').length).toBeGreaterThan(MAX_LOADS / 4);
  });

  test('a reload with the same rate does not refill the quota', () => {
    const configured = caller({ spendPerMinute: 1 });
    const limits = start(configured);
    const load = { forced: false, calls: 1 };
    limits.reserveLoad('team', load);
    limits.replace([configured]);
    expect(limits.reserveLoad('team', load).type).toBe('limited');
  });
});
