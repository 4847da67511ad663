import { describe, expect, test } from 'vitest';
import { ago, bytes, count, duration, percent, rate, visible } from '../../src/status/format.ts';

describe('number formats', () => {
  test.each([
    [count(1_234_567), '1,234,567'],
    [count(999), '999'],
    [ago('2026-01-01T00:00:00.000Z', '2026-01-01T00:05:30.000Z'), '5 min 30 s ago'],
    [bytes(0), '0 B'],
    [bytes(1_536), '1.5 KiB'],
    [bytes(64 * 1_048_576), '64 MiB'],
    [duration(59), '59 s'],
    [duration(60), '1 min'],
    [duration(80), '1 min 20 s'],
    [duration(599), '9 min 59 s'],
    [duration(601), '10 min'],
    [duration(3_599), '59 min'],
    [duration(3_600), '1 h'],
    [duration(11_100), '3 h 5 min'],
    [duration(187_200), '2 d 4 h'],
    [duration(-1), '0 s'],
    [percent(0, 0), '–'],
    [percent(999, 1_000), '99 %'],
    [rate(0), '0'],
    [rate(0.251), '0.25'],
    [rate(4.06), '4.1'],
    [rate(1_200), '1,200'],
    [visible('a\u2028b', 10), 'a⟨U+2028⟩b'],
  ])('%s is %s', (written, expected) => {
    expect(written).toBe(expected);
  });
});
