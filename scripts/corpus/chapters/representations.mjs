// Content codings, HEAD, conditional requests, and headers that must not change a response.
import { connectionsOf, listOf, VERSION } from '../atlas-world.mjs';
import { headerOf } from '../http-client.mjs';

const ENCODINGS = [
  'identity',
  'gzip',
  'br',
  'gzip, br',
  'br;q=0.1, gzip;q=0.9',
  'gzip;q=0, br;q=0',
  'gzip;q=0, br',
  'deflate',
  '*',
  '*;q=0',
  'identity;q=0',
  'GZIP',
  'gzip;q=2',
  'x-gzip',
  '',
];
const ACCEPTS = [
  VERSION,
  'application/vnd.atlas.2023-01-01+json',
  'application/vnd.atlas.2024-08-05+json',
  'application/vnd.atlas.2024-12-31+json',
  'application/vnd.atlas.2023-02-30+json',
  'application/vnd.atlas.20230201+json',
  'application/vnd.atlas.preview+json',
  'application/vnd.atlas.2023-02-01+csv',
  'application/vnd.atlas.2023-02-01+json;q=0.5, application/vnd.atlas.2024-08-05+json',
  'APPLICATION/VND.ATLAS.2023-02-01+JSON',
  'application/*',
  'application/json',
  '*/*',
  'text/html',
  '',
];
const IRRELEVANT_HEADERS = {
  host: 'evil.example',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-for': '203.0.113.1',
  forwarded: 'host=evil.example',
  'x-http-method-override': 'DELETE',
  'x-original-url': '/elsewhere',
  range: 'bytes=0-9',
  'if-modified-since': 'Thu, 01 Jan 2099 00:00:00 GMT',
  'if-match': '"other"',
  'x-request-id': 'request-of-the-client',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'use-effective-instance-fields': 'true',
  cookie: 'session=1',
  origin: 'http://evil.example',
  te: 'trailers',
};

async function recordCodings(session, label, target) {
  for (const encoding of ENCODINGS) {
    const headers = { 'accept-encoding': encoding };
    await session.ask(`${label} as '${encoding}'`, target, { headers });
    await session.ask(`head of ${label} as '${encoding}'`, target, { headers, method: 'HEAD' });
  }
}

async function recordConditions(session, target) {
  for (const coding of ['identity', 'gzip', 'br']) {
    const response = await session.prepare(target, { headers: { 'accept-encoding': coding } });
    const etag = headerOf(response, 'etag');
    const conditions = {
      same: etag,
      weak: `W/${etag}`,
      'in a list': `"other", ${etag}`,
      any: '*',
      other: '"other"',
      unquoted: etag.replaceAll('"', ''),
      empty: '',
    };
    for (const [name, value] of Object.entries(conditions)) {
      const headers = { 'accept-encoding': coding, 'if-none-match': value };
      await session.ask(`if-none-match ${name} as ${coding}`, target, { headers });
    }
    await session.ask(`if-none-match same as ${coding}, head`, target, {
      method: 'HEAD',
      headers: { 'accept-encoding': coding, 'if-none-match': etag },
    });
  }
}

export async function recordRepresentations({ open }) {
  const session = await open({ name: 'representations' });
  await recordCodings(session, 'a large page', connectionsOf('orders'));
  await recordCodings(session, 'a small page', connectionsOf('orders', '?itemsPerPage=1'));
  await recordCodings(session, 'an error', connectionsOf('orders', '?pageNum=none'));
  await recordConditions(session, connectionsOf('orders', '?itemsPerPage=30'));
  for (const accept of ACCEPTS)
    for (const [label, rest] of [
      ['clusters', 'clusters?itemsPerPage=1'],
      ['connections', 'streams/privateLinkConnections?itemsPerPage=1'],
    ])
      await session.ask(`${label} accept '${accept}'`, listOf('orders', rest), { headers: { accept } });
  for (const [name, value] of Object.entries(IRRELEVANT_HEADERS))
    await session.ask(`with ${name}`, connectionsOf('orders', '?itemsPerPage=1'), {
      headers: { [name]: value },
    });
  await session.close();
}
