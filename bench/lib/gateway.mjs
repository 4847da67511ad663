// The gateway as shipped: bin/atlas-gateway.js with a configuration file, caller keys, an access log in a file, and metrics.
import { createHash } from 'node:crypto';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CREDENTIAL } from './atlas.mjs';
import { freePort, start } from './processes.mjs';

export const MAIN = new URL('../../bin/atlas-gateway.js', import.meta.url).pathname;

/** A deterministic caller key for a number: the key itself, and its form in the configuration. */
export function callerKey(number) {
  const id = `agw_B${number.toString(36).padStart(11, '0')}`;
  const secret = createHash('sha256').update(`bench ${number}`).digest('base64url');
  return {
    id,
    secret,
    sha256: createHash('sha256').update(secret).digest('hex'),
    bearer: `Bearer ${id}_${secret}`,
  };
}

export const configuration = ({ atlas, port, adminPort, callers, cache = 'fresh: 24h' }) => `listen:
  port: ${port}
  publicUrl: https://cloud.mongodb.com
admin: { port: ${adminPort} }
upstream: { origin: '${atlas}' }
credentials:
  - name: bench
    serviceAccount: { clientId: { env: ID }, clientSecret: { env: SECRET } }
callers:
${callers}
cache: { ${cache} }
`;

/** A caller that may read all projects. */
export const caller = (name, keys, more = '') =>
  `  - { name: ${name}, projects: all, keys: [${keys.map(({ id, sha256 }) => `{ id: ${id}, sha256: '${sha256}' }`).join(', ')}]${more} }`;

/** Starts the gateway without waiting for the listener; send the first request with retries. */
export async function startGateway({
  atlas,
  folder,
  name = 'gateway',
  node = process.execPath,
  main = MAIN,
  nodeFlags = [],
  env = {},
  callers,
  cache,
}) {
  const [port, adminPort] = [await freePort(), await freePort()];
  // The gateway watches the folder of its configuration, so nothing else may be written there during a measurement.
  const own = join(folder, `${name}-config`);
  mkdirSync(own);
  const path = join(own, 'gateway.yaml');
  const logPath = join(folder, `${name}.log`);
  writeFileSync(
    path,
    configuration({ atlas, port, adminPort, callers: callers ?? caller('bench', [callerKey(1)]), cache }),
  );
  const process_ = start([node, ...nodeFlags, main, 'serve', '--config', path], {
    env: { ID: CREDENTIAL.clientId, SECRET: CREDENTIAL.clientSecret, ...env },
    out: openSync(logPath, 'a'),
  });
  return {
    ...process_,
    origin: `http://127.0.0.1:${port}`,
    admin: `http://127.0.0.1:${adminPort}`,
    logPath,
  };
}
