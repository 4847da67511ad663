import { Pool } from 'undici';

/** Requests each target once, a few in parallel; throws if a response is not a list. */
export async function fill({ origin, targets, headers, atOnce = 16 }) {
  const pool = new Pool(origin, { connections: atOnce });
  let next = 0;
  const client = async () => {
    while (next < targets.length) {
      const path = targets[next++];
      const { statusCode, body } = await pool.request({ path, method: 'GET', headers });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${text.slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, client));
  await pool.close();
}
