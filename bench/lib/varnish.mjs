import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, start } from './processes.mjs';

/** Varnish with an in-memory cache and no log, configured to cache requests with an Authorization header like the others. */
export async function startVarnish({ upstream, folder }) {
  const port = await freePort();
  const path = join(folder, 'varnish.vcl');
  const own = join(folder, 'varnish');
  mkdirSync(own);
  const { hostname, port: upstreamPort } = new URL(upstream);
  writeFileSync(
    path,
    `vcl 4.1;
backend default { .host = "${hostname}"; .port = "${upstreamPort}"; }
sub vcl_recv { return (hash); }
sub vcl_hash { hash_data(req.http.Accept); }
sub vcl_backend_response { set beresp.ttl = 1d; }
`,
  );
  const varnish = start([
    'varnishd',
    '-F',
    '-j',
    'none',
    '-a',
    `127.0.0.1:${port}`,
    '-f',
    path,
    '-n',
    own,
    '-s',
    'malloc,256m',
    '-p',
    'thread_pools=1',
  ]);
  return { ...varnish, origin: `http://127.0.0.1:${port}` };
}
