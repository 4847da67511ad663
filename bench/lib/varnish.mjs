import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, start } from './processes.mjs';

/** Varnish with its cache in memory and no log; told to cache what carries an Authorization header, as the others do. */
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
