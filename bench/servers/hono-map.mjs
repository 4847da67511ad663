// The handler of both Hono servers: a Map of upstream responses, and c.body.
import { keyOf, load } from './upstream.mjs';

export function answerFromMap() {
  const answers = new Map();
  return async (c) => {
    const acceptEncoding = c.req.header('accept-encoding');
    const target = c.req.url.slice(c.req.url.indexOf('/api/'));
    const key = keyOf(target, acceptEncoding);
    let answer = answers.get(key);
    if (answer === undefined) {
      answer = await load(target, { accept: c.req.header('accept'), acceptEncoding });
      answers.set(key, answer);
    }
    const { body, headers, etag } = answer;
    return c.req.header('if-none-match') === etag
      ? c.body(null, 304, { ETag: etag })
      : c.body(body, 200, headers);
  };
}
