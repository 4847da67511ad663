import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { expect } from 'vitest';
import { freePort } from './free-port.ts';

/** A real forward proxy on a free port of the loopback interface. */
export interface ForwardProxy {
  /** Without user and password. */
  readonly origin: string;
  /** What it has logged so far. */
  log(): string;
  stop(): Promise<void>;
}

export const PROXY_USER = 'gateway';
/** A canary: it must never appear in log lines, responses or metrics. */
export const PROXY_PASSWORD = 'canary-proxy-password';

/** How a program is configured. It logs to `log` in the folder. */
type Configure = (at: { folder: string; port: number; authenticated: boolean }) => {
  readonly files: Readonly<Record<string, string>>;
  readonly args: readonly string[];
};

const tinyproxy: Configure = ({ folder, port, authenticated }) => ({
  files: {
    conf: `Port ${port}
Listen 127.0.0.1
Timeout 60
MaxClients 100
LogFile "${folder}/log"
LogLevel Connect
${authenticated ? `BasicAuth ${PROXY_USER} ${PROXY_PASSWORD}\n` : ''}`,
  },
  args: ['-d', '-c', join(folder, 'conf')],
});

const squid: Configure = ({ folder, port, authenticated }) => ({
  files: {
    conf: `http_port 127.0.0.1:${port}
${authenticated ? `auth_param basic program /bin/sh ${folder}/authenticate\nauth_param basic children 1\nacl allowed proxy_auth REQUIRED\n` : 'acl allowed src 127.0.0.1\n'}http_access allow allowed
http_access deny all
access_log stdio:${folder}/log
cache_log ${folder}/cache.log
pid_filename none
cache deny all
cache_mem 8 MB
`,
    authenticate: `while read -r user password; do
  [ "$user $password" = '${PROXY_USER} ${PROXY_PASSWORD}' ] && echo OK || echo ERR
done
`,
  },
  args: ['-N', '-f', join(folder, 'conf')],
});

const PROGRAMS = { tinyproxy, squid };

/** Whether a program is installed; prints a line if not. */
export function hasProxy(program: keyof typeof PROGRAMS): boolean {
  const found = spawnSync(program, ['-v']).error === undefined;
  if (!found)
    process.stderr.write(`skipped: ${program} is not installed, so calls through it are not tested\n`);
  return found;
}

const isOpen = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

export async function startProxy(
  program: keyof typeof PROGRAMS,
  { authenticated = false }: { authenticated?: boolean } = {},
): Promise<ForwardProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-proxy-'));
  // Squid, started as root, becomes another user.
  if (userInfo().uid === 0) chmodSync(folder, 0o777);
  const port = await freePort();
  const { files, args } = PROGRAMS[program]({ folder, port, authenticated });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const child = spawn(program, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('close', resolve));
  await expect.poll(() => isOpen(port), { timeout: 10_000 }).toBe(true);
  return {
    origin: `http://127.0.0.1:${port}`,
    log: () => readFileSync(join(folder, 'log'), 'utf8'),
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

/** A port whose server gets each connection, and its port; connections are closed with it. */
interface Port {
  readonly port: number;
  stop(): Promise<void>;
}

async function listen(server: ReturnType<typeof createServer>): Promise<Port> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A port that answers the first bytes of each connection with this text, or with nothing. */
export const startAnswering = (answer: string | undefined): Promise<Port> =>
  listen(
    createServer((socket) => {
      socket.once('data', () => (answer === undefined ? undefined : socket.end(answer)));
    }),
  );

/** Puts TLS in front of a port of the loopback interface. */
export const startTlsFront = (origin: string, identity: { cert: string; key: string }): Promise<Port> =>
  listen(
    createTlsServer(identity, (socket) => {
      const inner = connect(Number(new URL(origin).port), '127.0.0.1');
      for (const one of [socket, inner])
        one
          .on('error', () => undefined)
          .on('close', () => {
            socket.destroy();
            inner.destroy();
          });
      socket.pipe(inner).pipe(socket);
    }),
  );
