import { createServer, type IncomingHttpHeaders } from 'node:http';
import { expect, test } from 'vitest';
import { HEADER_PARAMETERS } from '../../src/atlas/header-parameters.ts';
import { readHeaders, type SeenHeaders } from '../../src/server/request-headers.ts';
import { raw } from '../support/raw.ts';

/** The header parameters among headers as Node reads them. */
function parametersOf(headers: IncomingHttpHeaders) {
  const sent = HEADER_PARAMETERS.filter((name) => headers[name] !== undefined);
  return sent.length === 0 ? undefined : Object.fromEntries(sent.map((name) => [name, headers[name]]));
}

test('headers are read as Node reads them, repeated ones too, whatever their case', async () => {
  const received: { seen: SeenHeaders; headers: IncomingHttpHeaders }[] = [];
  const server = createServer((request, response) => {
    received.push({ seen: readHeaders(request), headers: request.headers });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  const names = [
    'Authorization',
    'Accept',
    'Accept-Encoding',
    'If-None-Match',
    'Cache-Control',
    'Pragma',
    ...HEADER_PARAMETERS,
  ];
  const lines = names.flatMap((name) => [`${name}: a b`, `${name.toUpperCase()}: c`, `X-${name}: d`]);
  const request = (more: readonly string[]) =>
    ['GET / HTTP/1.1', 'hOST: here', 'Connection: close', ...more, '', ''].join('\r\n');
  for (const more of [
    [],
    lines,
    ['Content-Length: 0'],
    ['Content-Length: 1'],
    ['Transfer-Encoding: chunked'],
  ])
    await raw(`http://127.0.0.1:${address.port}`, `${request(more)}0\r\n\r\n`);
  for (const { seen, headers } of received)
    expect(seen).toEqual({
      authorization: headers.authorization,
      accept: headers.accept,
      acceptEncoding: headers['accept-encoding'],
      ifNoneMatch: headers['if-none-match'],
      cacheControl: headers['cache-control'],
      pragma: headers.pragma,
      parameters: parametersOf(headers),
      hosts: 1,
      hasBody: headers['transfer-encoding'] !== undefined || headers['content-length'] === '1',
    });
  expect(received).toHaveLength(5);
  await new Promise((resolve) => server.close(resolve));
});
