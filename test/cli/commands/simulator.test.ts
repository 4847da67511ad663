import { expect, test } from 'vitest';
import { say } from '../../support/command.ts';

const simulate = (weather: string) =>
  say(['simulator', '--port', '0', '--weather', 'weather.yaml'], {
    readFile(path) {
      if (path === 'weather.yaml') return weather;
      throw new Error('not found');
    },
  });

test.each([
  ['latencies: real', "weather.yaml:1 latencies: is not a known setting: did you mean 'latency'?"],
  ['seed: 1\nlatency: soon', 'weather.yaml:2 latency: "soon" is not a valid latency; write real, none'],
  ['preset: sunny', 'weather.yaml:1 preset: "sunny" is not known; use calm or real or storm'],
  ['errors:\n  rate: 3', 'weather.yaml:2 errors.rate: 3 is not a valid rate; write a number from 0 to 1'],
  ['errors: often', 'weather.yaml:1 errors: must be a mapping'],
  ['lists:\n  - itemBytes: 20KB', 'weather.yaml:2 lists[0].itemBytes: "20KB" is not a valid size'],
  ['lists:\n  - items: 5\n    hang: true', 'weather.yaml:3 lists[0].hang: is not a known setting'],
  ['- a', 'weather.yaml:1: must be a mapping of settings; begin with latency:'],
  ['latency: { median: 2s, p90: 1s }', 'percentiles must not decrease'],
  ['a: [', 'weather.yaml:1: is not valid YAML'],
])('a weather file %j is named with line and remedy, exit code 2', async (weather, message) => {
  const { code, err } = await simulate(weather);
  expect(err).toContain(message);
  expect(code).toBe(2);
});

test('all problems of a weather file are reported at once', async () => {
  const { err } = await simulate('seed: -1\nprojects: many\n');
  expect(err.split('\n').filter(Boolean)).toHaveLength(2);
});

test('a weather file that cannot be read is named', async () => {
  const { code, err } = await say(['simulator', '--weather', 'other.yaml'], {
    readFile() {
      throw new Error('not found');
    },
  });
  expect([code, err]).toEqual([2, 'other.yaml: cannot be read; check the path given with --weather\n']);
});
