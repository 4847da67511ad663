import { expect, test } from 'vitest';
import { isLoopback } from '../../src/lib/loopback.ts';

test.each([
  ['localhost', true],
  ['127.0.0.1', true],
  ['127.255.0.9', true],
  ['::1', true],
  ['[::1]', true],
  ['127.0.0.1.example', false],
  ['127.1', false],
  ['127.0.0.256', false],
  ['localhost.example', false],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['', false],
])('%j is a loopback host: %j', (host, loopback) => {
  expect(isLoopback(host)).toBe(loopback);
});
