// Sends requests exactly as they are given, and returns responses as they arrive: nothing is followed, retried or added.
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

/** A raw exchange that the server does not end is ended after this time. */
const RAW_TIMEOUT_MS = 3_000;

function pairsOf(rawHeaders) {
  const pairs = [];
  for (let index = 0; index < rawHeaders.length; index += 2)
    pairs.push([rawHeaders[index].toLowerCase(), rawHeaders[index + 1]]);
  return pairs;
}

/** Resolves to the response, or to `{ error }` where the connection ends without one. */
export function send(origin, target, { method = 'GET', headers = {}, body, agent } = {}) {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    const request = httpRequest({ hostname, port, path: target, method, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', (error) => resolve({ error: error.code }));
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          headers: pairsOf(response.rawHeaders),
          body: Buffer.concat(chunks),
        }),
      );
    });
    request.on('error', (error) => resolve({ error: error.code }));
    request.end(body);
  });
}

export const headerOf = ({ headers = [] }, name) => headers.find(([known]) => known === name)?.[1];

/** The body without its content coding, as text. */
export function decodedBody(response) {
  if (response.body.length === 0) return '';
  switch (headerOf(response, 'content-encoding')) {
    case 'gzip':
      return gunzipSync(response.body).toString();
    case 'br':
      return brotliDecompressSync(response.body).toString();
    default:
      return response.body.toString();
  }
}

/** Everything a server writes in response to raw bytes, until it closes the connection or falls silent. */
function exchangeBytes(origin, bytes) {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    const chunks = [];
    const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'));
    const end = (closed) => {
      socket.destroy();
      resolve({ bytes: Buffer.concat(chunks), closed });
    };
    socket.setTimeout(RAW_TIMEOUT_MS, () => end(false));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => end(true));
    socket.on('close', () => end(true));
  });
}

/** Cuts the bytes of one connection into responses by their Content-Length; undefined where they end. */
function takeResponse(bytes) {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine, ...lines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) return undefined;
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const length = Number(headerOf({ headers }, 'content-length') ?? '0');
  const bodyEnd = headEnd + 4 + length;
  return {
    response: { status, headers, body: bytes.subarray(headEnd + 4, bodyEnd) },
    rest: bytes.subarray(bodyEnd),
  };
}

/** Sends raw bytes; resolves to the responses, to what follows the last one, and to whether the server closed the connection. */
export async function sendRaw(origin, bytes) {
  const exchange = await exchangeBytes(origin, bytes);
  const responses = [];
  let rest = exchange.bytes;
  for (let taken = takeResponse(rest); taken !== undefined; taken = takeResponse(rest)) {
    responses.push(taken.response);
    rest = taken.rest;
  }
  return { responses, rest: rest.toString('latin1'), closed: exchange.closed };
}
