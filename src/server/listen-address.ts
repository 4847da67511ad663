import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { codeOfError } from '../lib/error-code.ts';

/** Where a server listens. */
export interface ListenAddress {
  /** The section of the configuration, for error messages. */
  readonly section: 'listen' | 'admin';
  readonly host: string;
  readonly port: number;
  /** The path of a Unix socket, instead of host and port. */
  readonly socket?: string | undefined;
}

/** Its owner and its group may connect; others may not, because a socket takes the place of a loopback address. */
const SOCKET_MODE = 0o660;

function explainPort(code: string | undefined, { section, host, port }: ListenAddress): string {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use: stop the process that listens there, or set ${section}.port to another port.`;
    case 'EACCES':
      return `This user may not open port ${port} on ${host}: set ${section}.port to a port above 1023.`;
    default:
      return `Cannot listen on ${host}:${port} (${code ?? 'unknown'}): check ${section}.port.`;
  }
}

function explainSocket(code: string | undefined, socket: string, section: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `Socket ${socket} is in use: stop the process that listens there, or set ${section}.socket to another path.`;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `This user may not create socket ${socket}: make its folder writable, or set ${section}.socket to another path.`;
    case 'ENOENT':
    case 'ENOTDIR':
      return `The folder of socket ${socket} does not exist: create it, or set ${section}.socket to another path.`;
    case 'EINVAL':
    case 'ENAMETOOLONG':
      return `The path ${socket} is too long for a socket: set ${section}.socket to a shorter one.`;
    default:
      return `Cannot listen on socket ${socket} (${code ?? 'unknown'}): check ${section}.socket.`;
  }
}

/** Whether a process accepts connections on a socket; if that cannot be known, whether one may. */
const isInUse = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(socket, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', (error) => resolve(codeOfError(error) !== 'ECONNREFUSED'));
  });

/** Removes the socket of a process that was killed: it would keep the next one from listening. Anything else at its path is kept. */
async function removeStale(socket: string, section: string): Promise<void> {
  const found = lstatSync(socket, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket())
    throw new Error(
      `${socket} exists and is not a socket: move it, or set ${section}.socket to another path.`,
    );
  if (await isInUse(socket)) throw new Error(explainSocket('EADDRINUSE', socket, section));
  unlinkSync(socket);
}

/** Host and port that a server listens on. */
function addressOf(server: Server): string {
  const listening = server.address();
  if (listening === null || typeof listening === 'string') throw new Error('not listening on a TCP port');
  const { address, family, port } = listening;
  return `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

const start = (server: Server, where: { path: string } | { host: string; port: number }) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });

async function listenOnSocket(server: Server, socket: string, section: string): Promise<string> {
  try {
    await removeStale(socket, section);
    await start(server, { path: socket });
    chmodSync(socket, SOCKET_MODE);
    return `unix:${socket}`;
  } catch (error) {
    // Libuv reports a missing folder as EACCES.
    const code = existsSync(dirname(socket)) ? codeOfError(error) : 'ENOENT';
    throw code === undefined ? error : new Error(explainSocket(code, socket, section));
  }
}

/** Resolves to the origin that the server listens on, or to `unix:` and a path. Rejects with a message for the operator. */
export async function listenOn(server: Server, scheme: string, address: ListenAddress): Promise<string> {
  const { section, host, port, socket } = address;
  if (socket !== undefined) return listenOnSocket(server, socket, section);
  try {
    await start(server, { host, port });
  } catch (error) {
    throw new Error(explainPort(codeOfError(error), address));
  }
  return `${scheme}://${addressOf(server)}`;
}
