// The OpenAPI documents of both listeners, and what the public listener serves apart from lists.
import { send } from '../http-client.mjs';

/** One record for each path and each component, so that a difference is found in the smallest piece. */
function recordPieces(session, label, document) {
  const { paths, components, ...rest } = document;
  session.record(`${label} document`, rest);
  for (const [path, item] of Object.entries(paths)) session.record(`${label} document ${path}`, { item });
  for (const [kind, group] of Object.entries(components))
    session.record(`${label} document components ${kind}`, { group });
}

const readDocument = async (origin) => JSON.parse((await send(origin, '/openapi.json')).body.toString());

async function recordDescriptions(session) {
  const codings = ['identity', 'gzip', 'br'];
  for (const coding of codings) {
    const headers = { 'accept-encoding': coding };
    await session.askBare(`document as ${coding}`, '/openapi.json', { headers, mask: () => '<document>' });
    await session.askAdmin(`admin document as ${coding}`, '/openapi.json', {
      headers,
      mask: () => '<document>',
    });
  }
  await session.askBare('head of the document', '/openapi.json', { method: 'HEAD' });
  await session.askBare('document not modified', '/openapi.json', { headers: { 'if-none-match': '*' } });
}

async function recordOtherPaths(session) {
  const telemetry = '/api/private/unauth/telemetry/events';
  await session.askBare('root', '/');
  await session.askBare('head of the root', '/', { method: 'HEAD' });
  await session.askBare('post to the root', '/', { method: 'POST' });
  await session.askBare('address of the client', '/api/private/ipinfo');
  await session.askBare('telemetry', telemetry, { method: 'POST', body: '[{"event":1}]' });
  await session.askRaw(
    'telemetry that is too large',
    `POST ${telemetry} HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 1100000\r\n\r\n`,
  );
  await session.askBare('telemetry by get', telemetry);
  for (const path of [
    '/nothing',
    '/api',
    '/api/',
    '/api/atlas',
    '/api/atlas/',
    '/api/atlas/v1/groups',
    '/favicon.ico',
  ])
    for (const method of ['GET', 'POST', 'HEAD', 'DELETE'])
      await session.askBare(`${method} ${path}`, path, { method });
}

/** Returns the document of the public listener, from which the other chapters learn the operations. */
export async function recordDocuments({ open }) {
  const session = await open({ name: 'documents' });
  const document = await readDocument(session.origin);
  recordPieces(session, 'public', document);
  recordPieces(session, 'admin', await readDocument(session.admin));
  await recordDescriptions(session);
  await recordOtherPaths(session);
  await session.close();
  return document;
}
