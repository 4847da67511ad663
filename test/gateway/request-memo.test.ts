import { expect, test } from 'vitest';
import { createRequestMemo } from '../../src/gateway/request-memo.ts';

const [first, second] = [{ name: 'first' }, { name: 'second' }];
const create = (maxBytes = 1_000_000, perCallerBytes = maxBytes / 2) =>
  createRequestMemo<string>({ maxBytes, perCallerBytes, textBytes: (value) => value.length });

test('a request is memoized by caller, target and variant', () => {
  const memo = create();
  memo.set(first, '/lists', 'json', 'resolved');
  expect(memo.get(first, '/lists', 'json')).toBe('resolved');
  expect(memo.get(first, '/lists', undefined)).toBeUndefined();
  expect(memo.get(first, '/other', 'json')).toBeUndefined();
  expect(memo.get(second, '/lists', 'json')).toBeUndefined();
});

test('a caller with ever new targets evicts only its own requests', () => {
  const memo = create(100_000);
  memo.set(second, '/lists', 'json', 'resolved');
  for (let number = 0; number < 1_000; number++) memo.set(first, `/${number}`, 'json', 'resolved');
  expect(memo.get(second, '/lists', 'json')).toBe('resolved');
  expect(memo.get(first, '/999', 'json')).toBe('resolved');
  expect(memo.get(first, '/0', 'json')).toBeUndefined();
  expect(memo.bytes).toBeLessThanOrEqual(100_000);
});

test('any number of callers stays within the limit, and the latest one is memoized', () => {
  const memo = create(100_000);
  const callers = Array.from({ length: 1_000 }, (_none, number) => ({ number }));
  for (const caller of callers) memo.set(caller, '/lists', 'json', 'resolved');
  expect(memo.bytes).toBeLessThanOrEqual(100_000);
  expect(memo.get(callers.at(-1) ?? first, '/lists', 'json')).toBe('resolved');
});

test('a memo without room memoizes nothing', () => {
  const memo = create(0);
  memo.set(first, '/lists', 'json', 'resolved');
  expect([memo.get(first, '/lists', 'json'), memo.bytes]).toEqual([undefined, 0]);
});
