import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort, start } from './processes.mjs';

/**
 * nginx as Debian ships it, with one worker, its cache in `folder` and Debian's log format. Without Debian's `tcp_nopush`, because with it
 * pages of some sizes wait 40 ms for an acknowledgement.
 */
export async function startNginx({ upstream, folder, name, log }) {
  const port = await freePort();
  const path = join(folder, `${name}.conf`);
  const logPath = join(folder, `${name}.log`);
  const own = (part) => join(folder, `${name}-${part}`);
  writeFileSync(
    path,
    `user ${userInfo().username}; daemon off; pid ${own('pid')}; error_log stderr crit; worker_processes 1;
events { worker_connections 1024; }
http {
  sendfile on; keepalive_requests 1000000000;
  access_log ${log ? logPath : 'off'};
  client_body_temp_path ${own('a')}; proxy_temp_path ${own('b')}; fastcgi_temp_path ${own('c')}; uwsgi_temp_path ${own('d')}; scgi_temp_path ${own('e')};
  proxy_cache_path ${own('cache')} keys_zone=lists:10m max_size=256m;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${upstream};
      proxy_cache lists;
      proxy_cache_key "$request_uri $http_accept";
      proxy_cache_lock on;
    }
  }
}
`,
  );
  const nginx = start(['nginx', '-c', path, '-e', 'stderr']);
  return { ...nginx, origin: `http://127.0.0.1:${port}`, ...(log ? { logPath } : {}) };
}
