// Requests that are malformed, ambiguous or too large, as bytes on a connection of their own.
import { connectionsOf, VERSION } from '../atlas-world.mjs';

const TARGET = connectionsOf('orders', '?itemsPerPage=1');
const USUAL = ['Host: gateway.test', `Accept: ${VERSION}`, 'Connection: close'];

const request = (line, headers = USUAL, body = '') => `${[line, ...headers].join('\r\n')}\r\n\r\n${body}`;
const get = (target, ...headers) => request(`GET ${target} HTTP/1.1`, [...USUAL, ...headers]);
const withoutHost = USUAL.slice(1);

const TARGETS = [
  `http://other.example${TARGET}`,
  `//other.example${TARGET}`,
  `/\\other.example${TARGET}`,
  '*',
  'relative',
  `${TARGET}#fragment`,
  `${TARGET}&a=[b]`,
  `${TARGET}&a="b"`,
  `${TARGET}&a=<b>`,
  `${TARGET}&a=\xe9`,
  '/api/atlas/v2/../v2/groups',
  '/api/atlas/v2/%2e%2e/groups',
  '/api/atlas/v2/.%2E/groups',
  '/api/atlas/v2/./groups',
  '/api/atlas/v2/groups/..',
  '/api//atlas/v2/groups',
  '/api/atlas/v2//groups',
  '/api/atlas/v2/groups/',
  '/api/atlas/v2/groups?',
  '/api/atlas/v2/groups.json',
  '/api/atlas/v2/groups;v=1',
  '/api/atlas/v2/GROUPS',
  '/API/atlas/v2/groups',
  '/api/atlas/v2/%67roups',
  '/api/atlas/v2/groups/64b7c0ffee0000000000a004%2fclusters',
  '/api/atlas/v2/groups/64B7C0FFEE0000000000A004/clusters',
  '/api/atlas/v2/groups/64b7c0ffee0000000000a00/clusters',
  '/api/atlas/v2/groups/%00/clusters',
  '/api/atlas/v2/groups/%0d%0a/clusters',
  '/api/atlas/v2/groups/%/clusters',
  '/api/atlas/v2/groups/%ff/clusters',
  '/api/atlas/v2/groups/__proto__/clusters',
  `/api/atlas/v2/groups?x=${'y'.repeat(8_200)}`,
];

const REQUESTS = {
  'no Host': request(`GET ${TARGET} HTTP/1.1`, withoutHost),
  'two Hosts': get(TARGET, 'Host: other.example'),
  'an empty Host': request(`GET ${TARGET} HTTP/1.1`, ['Host:', ...withoutHost]),
  'HTTP/1.0': request(`GET ${TARGET} HTTP/1.0`),
  'HTTP/1.0 with a transfer coding': request(
    `GET ${TARGET} HTTP/1.0`,
    [...USUAL, 'Transfer-Encoding: chunked'],
    '0\r\n\r\n',
  ),
  'HTTP/2.0': request(`GET ${TARGET} HTTP/2.0`),
  'HTTP/0.9': `GET ${TARGET}\r\n\r\n`,
  'two spaces in the request line': request(`GET  ${TARGET} HTTP/1.1`),
  'bare line feeds': request(`GET ${TARGET} HTTP/1.1`).replaceAll('\r\n', '\n'),
  'a folded header': get(TARGET, 'X-Folded: one\r\n two'),
  'a space before the colon': get(TARGET, 'X-Spaced : one'),
  'a header without a colon': get(TARGET, 'nonsense'),
  'a header with a zero byte': get(TARGET, 'X-Zero: a\0b'),
  'two lengths': get(TARGET, 'Content-Length: 0', 'Content-Length: 5'),
  'a negative length': get(TARGET, 'Content-Length: -1'),
  'a length and a coding': get(TARGET, 'Content-Length: 3', 'Transfer-Encoding: chunked'),
  'an unknown coding': get(TARGET, 'Transfer-Encoding: gzip'),
  'a wrong chunk': request(
    `POST /api/oauth/token HTTP/1.1`,
    [...USUAL, 'Transfer-Encoding: chunked'],
    'zz\r\n',
  ),
  'a body with GET': request(`GET ${TARGET} HTTP/1.1`, [...USUAL, 'Content-Length: 5'], 'hello'),
  'a request in the body of GET': request(
    `GET ${TARGET} HTTP/1.1`,
    ['Host: a', 'Content-Length: 30'],
    request('GET / HTTP/1.1', ['Host: a']),
  ),
  'a body with POST': request(`POST ${TARGET} HTTP/1.1`, [...USUAL, 'Content-Length: 2'], '{}'),
  'a body with DELETE': request(`DELETE ${TARGET} HTTP/1.1`, [...USUAL, 'Content-Length: 2'], '{}'),
  'a form that is too large, announced': request('POST /api/oauth/token HTTP/1.1', [
    ...USUAL,
    'Content-Length: 99999',
  ]),
  'a form that is too large, chunked': request(
    'POST /api/oauth/token HTTP/1.1',
    [...USUAL, 'Transfer-Encoding: chunked'],
    `4e20\r\n${'x'.repeat(20_000)}\r\n0\r\n\r\n`,
  ),
  TRACE: request(`TRACE ${TARGET} HTTP/1.1`),
  CONNECT: request('CONNECT other.example:443 HTTP/1.1'),
  OPTIONS: request(`OPTIONS ${TARGET} HTTP/1.1`),
  'OPTIONS of everything': request('OPTIONS * HTTP/1.1'),
  PATCH: request(`PATCH ${TARGET} HTTP/1.1`),
  'an unknown method': request(`BREW ${TARGET} HTTP/1.1`),
  'a method in lower case': request(`get ${TARGET} HTTP/1.1`),
  'an expectation': get(TARGET, 'Expect: 100-continue'),
  'an unknown expectation': get(TARGET, 'Expect: a-miracle'),
  'an upgrade': get(TARGET, 'Upgrade: websocket', 'Connection: Upgrade'),
  'an upgrade to h2c': get(TARGET, 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'),
  'headers that are too large': get(TARGET, `X-Large: ${'y'.repeat(20_000)}`),
  'many headers': get(TARGET, ...Array.from({ length: 500 }, (_none, index) => `X-${index}: y`)),
  'two Authorization headers': get(TARGET, 'Authorization: Bearer one', 'Authorization: Bearer two'),
  'two Accept headers': get(TARGET, 'Accept: text/html'),
  'two requests on one connection':
    request(`GET ${TARGET} HTTP/1.1`, ['Host: a', `Accept: ${VERSION}`]) + get(TARGET),
  'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  noise: '\x00\x01\x02\x03\r\n\r\n',
  'an HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
};

const ADMIN_REQUESTS = {
  'no Host': request('GET /status.json HTTP/1.1', ['Connection: close']),
  'a foreign Host': request('GET /status.json HTTP/1.1', ['Host: evil.example', 'Connection: close']),
  'a foreign Host for metrics': request('GET /healthz HTTP/1.1', ['Host: evil.example', 'Connection: close']),
  noise: '\x00\x01\r\n\r\n',
  'headers that are too large': request('GET /healthz HTTP/1.1', [
    ...USUAL,
    `X-Large: ${'y'.repeat(20_000)}`,
  ]),
  'a body with GET': request('GET /healthz HTTP/1.1', [...USUAL, 'Content-Length: 2'], '{}'),
  'dot segments': request('GET /../healthz HTTP/1.1'),
  'an unknown method': request('BREW /healthz HTTP/1.1'),
};

/** Names are short although some targets are long. */
const nameOf = (target) =>
  target.length > 100 ? `${target.slice(0, 60)}… of ${target.length} bytes` : target;

export async function recordEdge({ open }) {
  const session = await open({ name: 'edge' });
  await session.prepare(TARGET);
  for (const target of TARGETS) await session.askRaw(`target ${nameOf(target)}`, get(target));
  for (const [label, bytes] of Object.entries(REQUESTS)) await session.askRaw(label, bytes);
  for (const [label, bytes] of Object.entries(ADMIN_REQUESTS))
    await session.askRaw(`admin ${label}`, bytes, session.admin);
  await session.close();
}
