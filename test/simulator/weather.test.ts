import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createChangingList } from '../../src/simulator/changing-list.ts';
import { createSeeded } from '../../src/simulator/seeded.ts';
import { createWeather, latencyAt } from '../../src/simulator/weather.ts';
import { weatherSchema } from '../../src/simulator/weather-settings.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const place = { operation: 'listClusters', project: 'p' };
const weatherOf = (settings: object) => createWeather(weatherSchema.parse(settings));
const samples = 10_000;
const times = <Value>(draw: () => Value) => Array.from({ length: samples }, draw);

describe('the latency of the real preset', () => {
  const real = weatherOf({ preset: 'real' });
  const sorted = times(() => real.latencyMs(place, 0)).sort((one, other) => one - other);

  test.each([
    [0.5, 90],
    [0.9, 165],
    [0.99, 700],
  ])('is at quantile %d about %i ms', (quantile, expected) => {
    const drawn = sorted[Math.floor(samples * quantile)] ?? 0;
    expect(drawn).toBeGreaterThan(expected * 0.85);
    expect(drawn).toBeLessThan(expected * 1.15);
  });

  test('grows with the items on the page', () => {
    const constant = weatherOf({ latency: { median: '100ms', perThousandItems: '200ms' } });
    expect([0, 500].map((items) => constant.latencyMs(place, items))).toEqual([100, 200]);
  });

  test('never falls with the quantile', () => {
    const quantile = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(quantile, quantile, (one, other) => {
        const latency = { medianMs: 90, p90Ms: 165, p99Ms: 700, perThousandItemsMs: 0 };
        const low = latencyAt(latency, Math.min(one, other));
        expect(low).toBeLessThanOrEqual(latencyAt(latency, Math.max(one, other)) + 1e-9);
      }),
    );
  });
});

test('a seed gives the same weather again', () => {
  const draw = (seed: number) => {
    const weather = weatherOf({ preset: 'storm', seed });
    return Array.from({ length: 50 }, () => [
      weather.latencyMs(place, 10),
      weather.trouble(place, { counts: true }),
    ]);
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test('failures and rate limits occur at their rates', () => {
  const weather = weatherOf({ errors: { rate: 0.1 }, rateLimits: { rate: 0.05, retryAfter: '3s' } });
  const drawn = times(() => weather.trouble(place, { counts: true }));
  const of = (status: number) =>
    drawn.filter((trouble) => trouble?.type === 'error' && trouble.status === status).length / samples;
  expect([of(503), of(429)]).toEqual([expect.closeTo(0.1, 1), expect.closeTo(0.05, 1)]);
  expect(drawn).toContainEqual(expect.objectContaining({ status: 429, retryAfterSeconds: 3 }));
});

test('rules apply by project and operation, the later ones first', () => {
  const weather = weatherOf({
    latency: '10ms',
    lists: [
      { operation: 'listClusters', status: 500 },
      { project: 'p', latency: '1s' },
      { project: 'p', operation: 'listClusters', hangs: true },
    ],
  });
  const trouble = (operation: string, project: string) =>
    weather.trouble({ operation, project }, { counts: true });
  expect(trouble('listClusters', 'p')).toEqual({ type: 'hang' });
  expect(trouble('listClusters', 'q')).toMatchObject({ status: 500 });
  expect(trouble('listGroupEvents', 'p')).toBeUndefined();
  expect(weather.latencyMs({ operation: 'listGroupEvents', project: 'p' }, 0)).toBe(1_000);
});

test('counting times out only for requests that count', () => {
  const weather = weatherOf({ lists: [{ countTimesOut: true }] });
  expect(weather.trouble(place, { counts: true })).toMatchObject({ errorCode: 'TIMEOUT_WHILE_PAGING' });
  expect(weather.trouble(place, { counts: false })).toBeUndefined();
});

test('a list changes at its rates, however often it is read', () => {
  const rates = fc.integer({ min: 0, max: 5 });
  const readings = fc.array(fc.integer({ min: 0, max: 4_000 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(rates, rates, rates, readings, (creates, deletes, pairs, pauses) => {
      let now = 0;
      const clock = { ...createFakeClock(), now: () => now };
      const list = createChangingList(
        Array.from({ length: 200 }, (_none, index) => index),
        { creates, deletes, pairs, at: 'anywhere' },
        { create: (index) => index, clock, fraction: createSeeded(1) },
      );
      for (const pause of pauses) {
        now += pause;
        list.items();
      }
      const items = list.items();
      const due = (rate: number, phase: number) =>
        rate === 0 ? 0 : Math.floor((rate * now) / 1_000 + phase);
      expect(items).toHaveLength(200 + due(creates, 0) - due(deletes, 0.5));
      expect(new Set(items).size).toBe(items.length);
      // Numbers are given in order of creation, so the newest item tells how many were created, unless it is deleted again.
      expect(Math.max(...items)).toBeLessThan(200 + due(creates, 0) + due(pairs, 0.25));
    }),
  );
});
