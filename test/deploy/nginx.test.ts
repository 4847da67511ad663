import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { type Built, builtConfiguration, makeFolder, removeFolders, serveBuilt } from '../support/built.ts';
import { freePort } from '../support/free-port.ts';
import { ACCEPT, linksOf, startSimulator } from '../support/running.ts';

const noNginx = spawnSync('nginx', ['-v']).error !== undefined;
const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) child.kill('SIGTERM');
  removeFolders();
});

/** The configuration in docs/deploying.md, with these ports. */
function documented(port: number, gateways: readonly number[]): string {
  const guide = readFileSync('docs/deploying.md', 'utf8');
  const [, block = ''] = /```nginx\n([\s\S]*?)```/.exec(guide) ?? [];
  return block
    .replace('10.0.0.11:8080', `127.0.0.1:${gateways[0]}`)
    .replace('10.0.0.12:8080', `127.0.0.1:${gateways[1]}`)
    .replace('listen 8443', `listen 127.0.0.1:${port}`);
}

function startNginx(configuration: string): ChildProcess {
  const folder = makeFolder();
  const path = join(folder, 'nginx.conf');
  const own = (name: string) => join(folder, name);
  writeFileSync(
    path,
    `user ${userInfo().username}; daemon off; pid ${own('pid')}; error_log stderr crit; worker_processes 1;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${own('a')}; proxy_temp_path ${own('b')}; fastcgi_temp_path ${own('c')};
  uwsgi_temp_path ${own('d')}; scgi_temp_path ${own('e')};
${configuration}
}
`,
  );
  const nginx = spawn('nginx', ['-c', path, '-e', 'stderr'], { stdio: 'ignore' });
  children.push(nginx);
  return nginx;
}

test.skipIf(noNginx)(
  'two gateways behind nginx are restarted one after the other without a failed request',
  async () => {
    const { simulator, atlas } = await startSimulator();
    const ports = [await freePort(), await freePort()];
    const serve = async (port: number): Promise<Built> => {
      const gateway = await serveBuilt(builtConfiguration(atlas).replace('port: 0', `port: ${port}`));
      children.push(gateway.child);
      return gateway;
    };
    const gateways = await Promise.all(ports.map(serve));
    const port = await freePort();
    startNginx(documented(port, ports));
    const target = `http://127.0.0.1:${port}${linksOf(SAMPLE_PROJECTS.orders)}`;
    const read = () =>
      fetch(target, { headers: { accept: ACCEPT } }).then(
        async (response) => {
          await response.arrayBuffer();
          return response.status;
        },
        () => 0,
      );
    await expect.poll(read, { timeout: 10_000 }).toBe(200);

    let restarting = true;
    const statuses: number[] = [];
    const client = async () => {
      while (restarting) statuses.push(await read());
    };
    const clients = Array.from({ length: 8 }, client);
    for (const [index, gateway] of gateways.entries()) {
      gateway.child.kill('SIGTERM');
      expect(await gateway.ended).toBe(0);
      await serve(ports[index] ?? 0);
    }
    restarting = false;
    await Promise.all(clients);
    expect(statuses.length).toBeGreaterThan(50);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    await simulator.close();
  },
  60_000,
);
