import { describe, expect, test } from 'vitest';
import { operations } from '../../src/atlas/operations.ts';
import { resolveQuery } from '../../src/atlas/query.ts';

describe('a time range', () => {
  const TIMES = new Set([
    ...['start', 'end', 'period', 'granularity', 'since', 'until', 'minDate', 'maxDate'],
    ...['startDate', 'endDate', 'fromDate', 'toDate'],
  ]);
  const parameters = operations.flatMap((operation) =>
    operation.queryParameters
      .filter(({ name }) => TIMES.has(name))
      .map((parameter) => ({ operation, parameter })),
  );
  /** Timestamps and durations (ISO 8601) as clients write them. */
  const TEXTS = [
    ...[
      '2026-01-02T03:04:05Z',
      '2026-01-02T03:04:05.678Z',
      '2026-01-02T03:04Z',
      '2026-01-02',
      '20260102T030405Z',
    ],
    ...['2026-01-02T03:04:05+02:00', '2026-01-02T03:04:05-0730', 'PT10H', 'P1DT12H30M', 'PT0.5S', 'P1W'],
  ];
  /** Milliseconds, the largest number of milliseconds that a date can have included. */
  const NUMBERS = ['1199145600000', '1767323045678', '8640000000000000'];

  test('is accepted in every format of its type, and sent to Atlas as it was written', () => {
    expect(new Set(parameters.map(({ parameter }) => parameter.type))).toEqual(
      new Set(['string', 'integer']),
    );
    for (const { operation, parameter } of parameters) {
      const alone = { ...operation, queryParameters: [parameter] };
      for (const value of parameter.type === 'integer' ? NUMBERS : TEXTS)
        for (const written of [encodeURIComponent(value), value.replaceAll('+', '%2B')])
          expect(resolveQuery(alone, `${parameter.name}=${written}`)).toMatchObject({
            filters: [[parameter.name, value]],
          });
    }
  });

  test('in milliseconds is refused where it is not a number', () => {
    for (const { operation, parameter } of parameters.filter((one) => one.parameter.type === 'integer'))
      for (const value of [
        'now',
        '2026-01-02',
        '1.5e12',
        '1767323045678.5',
        '01767323045678',
        '-1',
        '9'.repeat(17),
      ])
        expect(
          resolveQuery({ ...operation, queryParameters: [parameter] }, `${parameter.name}=${value}`).type,
        ).toBe('invalid');
  });
});
