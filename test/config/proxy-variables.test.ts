import { describe, expect, test } from 'vitest';
import { proxyVariable } from '../../src/config/proxy-variables.ts';
import { readProxyAddress } from '../../src/upstream/proxy-address.ts';

const ATLAS = 'https://cloud.mongodb.com';
const PROXY = 'http://proxy:3128';

describe('the variable that names the proxy', () => {
  test.each<[what: string, env: Record<string, string>, variable: string | undefined]>([
    ['none', {}, undefined],
    ['upper case', { HTTPS_PROXY: PROXY }, 'HTTPS_PROXY'],
    ['lower case', { https_proxy: PROXY }, 'https_proxy'],
    ['both', { HTTPS_PROXY: PROXY, https_proxy: 'http://other' }, 'https_proxy'],
    ['empty', { HTTPS_PROXY: '' }, undefined],
    ['the lower one is empty', { HTTPS_PROXY: PROXY, https_proxy: '' }, undefined],
    ['HTTP_PROXY only', { HTTP_PROXY: PROXY }, undefined],
  ])('%s', (_, env, variable) => {
    expect(proxyVariable(ATLAS, env)).toBe(variable);
  });

  test.each<[exceptions: string, excluded: boolean]>([
    ['', false],
    ['*', true],
    ['cloud.mongodb.com', true],
    ['CLOUD.mongodb.com', true],
    ['mongodb.com', true],
    ['.mongodb.com', true],
    ['*.mongodb.com', true],
    ['db.com', false],
    ['loud.mongodb.com', false],
    ['localhost, mongodb.com', true],
    ['localhost mongodb.com', true],
    [',,', false],
    ['.', false],
    ['mongodb.com:443', true],
    ['mongodb.com:8443', false],
    ['*:443', true],
    ['10.0.0.0/8', false],
  ])('NO_PROXY=%j excludes Atlas: %j', (exceptions, excluded) => {
    const variable = excluded ? undefined : 'HTTPS_PROXY';
    expect(proxyVariable(ATLAS, { HTTPS_PROXY: PROXY, NO_PROXY: exceptions })).toBe(variable);
    expect(proxyVariable(ATLAS, { HTTPS_PROXY: PROXY, no_proxy: exceptions })).toBe(variable);
  });

  test.each([
    ['https://127.0.0.1:8443', '127.0.0.1', undefined],
    ['https://127.0.0.1:8443', '127.0.0.1:443', 'HTTPS_PROXY'],
    ['https://[::1]:8443', '[::1]', undefined],
    ['https://[::1]:8443', '[::1]:8443', undefined],
    ['http://127.0.0.1:8080', '', undefined],
  ])('%s with NO_PROXY=%j → %s', (origin, exceptions, variable) => {
    expect(proxyVariable(origin, { HTTPS_PROXY: PROXY, NO_PROXY: exceptions })).toBe(variable);
  });
});

describe('the address of a proxy', () => {
  const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`;
  test.each<[text: string, address: ReturnType<typeof readProxyAddress>]>([
    ['http://proxy:3128', { origin: 'http://proxy:3128' }],
    ['http://proxy:3128/', { origin: 'http://proxy:3128' }],
    ['proxy:3128', { origin: 'http://proxy:3128' }],
    ['proxy', { origin: 'http://proxy' }],
    ['https://proxy', { origin: 'https://proxy' }],
    ['http://user:pass@proxy', { origin: 'http://proxy', authorization: basic('user:pass') }],
    ['user:pass@proxy:1', { origin: 'http://proxy:1', authorization: basic('user:pass') }],
    ['http://user@proxy', { origin: 'http://proxy', authorization: basic('user:') }],
    ['http://a%40b:p%2Fq%3A@proxy', { origin: 'http://proxy', authorization: basic('a@b:p/q:') }],
    ['http://us%er:pass@proxy', undefined],
    ['http://proxy/path', undefined],
    ['http://proxy?query', undefined],
    ['socks5://proxy:1080', undefined],
    ['http://', undefined],
    ['http://proxy:99999', undefined],
  ])('%s', (text, address) => {
    expect(readProxyAddress(text)).toEqual(address);
  });
});
