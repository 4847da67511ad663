import { expect, test } from 'vitest';
import { credentialsOf, parseAuthParams, parseChallenges } from '../../src/lib/auth-params.ts';

test.each([
  ['Bearer token', 'token'],
  ['bEARER    token', 'token'],
  ['Bearer ', ''],
  ['Bearer', undefined],
  ['Bearertoken', undefined],
  ['Bearer\ttoken', undefined],
  ['Basic token', undefined],
  ['', undefined],
])('the bearer token of %j is %j', (authorization, token) => {
  expect(credentialsOf('bearer', authorization)).toBe(token);
});

test.each([
  ['a=1, B="two", c = three', { a: '1', b: 'two', c: 'three' }],
  ['a="1, b=2", c="say \\"hi\\" \\\\"', { a: '1, b=2', c: 'say "hi" \\' }],
  [
    'uri=/api/atlas/v2/groups?pageNum=1,nc=00000001',
    { uri: '/api/atlas/v2/groups?pageNum=1', nc: '00000001' },
  ],
  [', a=1,, b="" ,', { a: '1', b: '' }],
  ['', {}],
  ['a=1, A=2', undefined],
  ['a="1', undefined],
  ['a=', undefined],
  ['a', undefined],
  ['"a"=1', undefined],
])('the parameters of %j are %j', (text, parameters) => {
  const parsed = parseAuthParams(text);
  expect(parsed && Object.fromEntries(parsed)).toEqual(parameters);
});

test.each([
  ['Basic realm="x"', ['basic x']],
  ['Bearer, Digest realm="a, b",\tnonce=1 , Basic realm=c', ['bearer', 'digest a, b', 'basic c']],
  ['Digest realm="a" broken="', ['digest a']],
  ['', []],
  ['=', []],
])('the challenges of %j are %j', (header, challenges) => {
  expect(
    parseChallenges(header).map(({ scheme, parameters }) =>
      [scheme, parameters.get('realm')].join(' ').trim(),
    ),
  ).toEqual(challenges);
});

test('only the first of very many challenges are read', () => {
  expect(parseChallenges('Digest, '.repeat(1_000))).toHaveLength(16);
});
