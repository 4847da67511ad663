// What the node servers of the comparison share: where they listen, and asking the server they cache for.
import { request } from 'node:http';

export const port = Number(process.env.PORT);

/** An answer of the upstream server: its bytes as they came, and the headers a cache passes on. */
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

/** What answers differ by: the target, and what the client can decode. */
export const keyOf = (target, acceptEncoding) =>
  acceptEncoding === undefined ? target : `${target} ${acceptEncoding}`;
