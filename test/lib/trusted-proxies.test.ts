import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseNetwork } from '../../src/lib/ip-network.ts';
import { createTrustedProxies } from '../../src/lib/trusted-proxies.ts';

const TRUSTED = ['10.0.0.0/8', 'fd00::/8', '192.0.2.7'];
const proxies = createTrustedProxies(TRUSTED);

test.each([
  ['10.0.0.0/8', { address: '10.0.0.0', prefix: 8, family: 'ipv4' }],
  ['192.0.2.7', { address: '192.0.2.7', prefix: 32, family: 'ipv4' }],
  ['0.0.0.0/0', { address: '0.0.0.0', prefix: 0, family: 'ipv4' }],
  ['fd00::/8', { address: 'fd00::', prefix: 8, family: 'ipv6' }],
  ['::1', { address: '::1', prefix: 128, family: 'ipv6' }],
] as const)('%s is a network', (text, network) => {
  expect(parseNetwork(text)).toEqual(network);
});

test.each([
  ...['10.0.0.0/33', 'fd00::/129', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8'],
  ...['10.0.0', 'host', '', 'fe80::1%eth0'],
])('%j is not a network', (text) => {
  expect(parseNetwork(text)).toBeUndefined();
});

test.each([
  // peer, X-Forwarded-For, client
  ['203.0.113.9', undefined, '203.0.113.9'],
  ['203.0.113.9', '10.1.1.1', '203.0.113.9'],
  ['10.0.0.1', undefined, '10.0.0.1'],
  ['10.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['10.0.0.1', '198.51.100.1, 203.0.113.9', '203.0.113.9'],
  ['10.0.0.1', '198.51.100.1, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
  ['10.0.0.1', '10.0.0.3,10.0.0.2', '10.0.0.3'],
  ['192.0.2.7', '2001:db8::5', '2001:db8::5'],
  ['fd12::1', '[2001:db8::5]:4711', '2001:db8::5'],
  ['10.0.0.1', '[2001:db8::5]', '2001:db8::5'],
  ['10.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
  ['::ffff:10.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '198.51.100.1', '203.0.113.9'],
  ['10.0.0.1', 'unknown', '10.0.0.1'],
  ['10.0.0.1', '198.51.100.1, <script>, 10.0.0.2', '10.0.0.2'],
  ['10.0.0.1', '198.51.100.1,', '10.0.0.1'],
  ['10.0.0.1', '', '10.0.0.1'],
  ['10.0.0.1', 'fe80::1%eth0', '10.0.0.1'],
  [undefined, '203.0.113.9', undefined],
])('from %s, forwarded for %j → %s', (peer, forwardedFor, client) => {
  expect(proxies.clientOf(peer, forwardedFor)).toBe(client);
});

test.each([
  [undefined, undefined],
  ['203.0.113.9', '203.0.113.9'],
  ['198.51.100.1, 203.0.113.9', '203.0.113.9'],
  ['198.51.100.1, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
  ['unix:', undefined],
  ['', undefined],
])('on a Unix socket whose proxies are trusted, forwarded for %j → %s', (forwardedFor, client) => {
  const { clientOf } = createTrustedProxies(['unix:', '10.0.0.0/8']);
  expect(clientOf(undefined, forwardedFor)).toBe(client);
  expect(clientOf('203.0.113.5', forwardedFor)).toBe('203.0.113.5');
});

test('other networks are in force at once, and without any the peer is the client', () => {
  const changing = createTrustedProxies(TRUSTED);
  const client = () => changing.clientOf('10.0.0.1', '203.0.113.9');
  expect(client()).toBe('203.0.113.9');
  changing.replace([]);
  expect(client()).toBe('10.0.0.1');
  changing.replace(['10.0.0.1', '203.0.113.0/24']);
  expect(changing.clientOf('10.0.0.1', '198.51.100.1, 203.0.113.9')).toBe('198.51.100.1');
});

test('whatever a client writes, the address that a proxy appended behind it counts', () => {
  const written = fc.string({ unit: 'binary', maxLength: 200 });
  fc.assert(
    fc.property(written, fc.ipV4(), (text, peer) => {
      const untrusted = `203.0.113.${peer.split('.')[3]}`;
      expect(proxies.clientOf('10.0.0.1', `${text}, ${untrusted}`)).toBe(untrusted);
      expect(proxies.clientOf(untrusted, text)).toBe(untrusted);
    }),
  );
});

test('the client is an address or absent, whatever is forwarded', () => {
  const hop = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom('10.0.0.9', 'unknown', '_hidden', ''),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(hop, { maxLength: 8 }), (hops) => {
      const client = proxies.clientOf('10.0.0.1', hops.join(',')) ?? '';
      expect(parseNetwork(client)?.address).toBe(client);
    }),
  );
});
