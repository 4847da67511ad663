import { expect, test } from 'vitest';
import { digestResponse, hashA1 } from '../../src/lib/http-digest.ts';

// The example of RFC 7616 section 3.9.1.
test.each([
  ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
  ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
] as const)('the %s response of the RFC is computed', (algorithm, response) => {
  const ha1 = hashA1(algorithm, {
    user: 'Mufasa',
    realm: 'http-auth@example.org',
    password: 'Circle of Life',
  });
  expect(
    digestResponse(algorithm, {
      ha1,
      nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
      nc: '00000001',
      cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
      method: 'GET',
      uri: '/dir/index.html',
    }),
  ).toBe(response);
});
