import { describe, expect, test } from 'vitest';
import { readRedisUrl } from '../../src/cluster/redis-url.ts';

describe('the address of the shared tier', () => {
  test.each([
    ['redis://cache', { form: 'single', tls: false, nodes: [{ host: 'cache', port: 6_379 }], database: 0 }],
    ['redis://cache:7000/3', { nodes: [{ host: 'cache', port: 7_000 }], database: 3 }],
    ['rediss://[::1]:7000', { tls: true, nodes: [{ host: '::1', port: 7_000 }] }],
    ['redis://:p%40ss%2Fw:rd@cache', { password: 'p@ss/w:rd' }],
    ['rediss://gateway:secret@cache', { username: 'gateway', password: 'secret', tls: true }],
    [
      'redis+sentinel://:secret@one,two:26380/main/2?sentinelPassword=other%26',
      {
        form: 'sentinel',
        nodes: [
          { host: 'one', port: 26_379 },
          { host: 'two', port: 26_380 },
        ],
        primary: 'main',
        database: 2,
        password: 'secret',
        sentinelPassword: 'other&',
      },
    ],
    [
      'rediss+cluster://one:7000,two',
      {
        form: 'cluster',
        tls: true,
        nodes: [
          { host: 'one', port: 7_000 },
          { host: 'two', port: 6_379 },
        ],
      },
    ],
  ])('%s is understood', (text, expected) => {
    expect(readRedisUrl(text)).toMatchObject(expected);
  });

  test.each([
    '',
    'cache:6379',
    'http://cache',
    'redis://',
    'redis://one,two',
    'redis://cache:0',
    'redis://cache:99999',
    'redis://cache/main',
    'redis://cache/0/1',
    'redis://user@cache',
    'redis://:%zz@cache',
    'redis+sentinel://one',
    'redis+cluster://one/1',
    'redis://cache?tls=true',
    'redis://cache?sentinelPassword=x',
    'redis+other://one',
  ])('%s is not', (text) => {
    expect(readRedisUrl(text)).toBeUndefined();
  });
});
