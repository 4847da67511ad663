// Shared by the Node.js servers of the comparison: their listener, and requests to their upstream.
import { request } from 'node:http';

export const port = Number(process.env.PORT);

/** A response of the upstream server: its unmodified bytes, and the headers that a cache passes on. */
export function load(target, { accept, acceptEncoding }) {
  const headers = { accept, ...(acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding }) };
  return new Promise((resolve, reject) => {
    request(`${process.env.UPSTREAM}${target}`, { headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks);
        const { 'content-type': type, etag, 'content-encoding': coding } = response.headers;
        resolve({
          body,
          etag,
          headers: {
            'Content-Type': type,
            'Content-Length': String(body.length),
            ETag: etag,
            'Cache-Control': 'private, max-age=86400',
            ...(coding === undefined ? {} : { 'Content-Encoding': coding, Vary: 'Accept-Encoding' }),
          },
        });
      });
    })
      .on('error', reject)
      .end();
  });
}

/** The cache key: the target, and the content codings the client accepts. */
export const keyOf = (target, acceptEncoding) =>
  acceptEncoding === undefined ? target : `${target} ${acceptEncoding}`;
