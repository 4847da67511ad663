import { request } from 'node:http';

/** Sends one request on a separate connection; does not decode bodies or follow redirects. */
export function ask(origin, target, { headers = {}, method = 'GET', body, agent = false } = {}) {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path: target, method, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Repeats a request until the response has this status. */
export async function askUntil(
  origin,
  target,
  options,
  { status = 200, timeoutMs = 10_000, everyMs = 20, alive = () => true },
) {
  const deadline = performance.now() + timeoutMs;
  for (let last = 'no answer'; ; ) {
    try {
      const answer = await ask(origin, target, options);
      if (answer.status === status) return answer;
      last = `${answer.status} ${answer.body.toString().slice(0, 300)}`;
    } catch (error) {
      last = error.message;
    }
    if (!alive()) throw new Error(`ended before it answered: ${last}`);
    if (performance.now() > deadline) throw new Error(`not answered with ${status}: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
