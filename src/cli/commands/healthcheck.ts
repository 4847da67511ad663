import { request as plainRequest, type RequestOptions } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { type CommandBody, type CommandContext, type Flags, readText, UsageError } from '../command.ts';

const TIMEOUT_MS = 3_000;
const EXAMPLE = 'http://127.0.0.1:9090, https://127.0.0.1:9090 or unix:/run/atlas-gateway/admin.sock';
const SOCKET = 'unix:';
const ANY_HOSTS = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

/** Where to ask, as it is named in messages, and how. */
interface Probe {
  readonly name: string;
  readonly request: typeof plainRequest;
  readonly options: RequestOptions & { readonly cert?: string; readonly key?: string };
}

/** The address of the admin listener according to the variables that configure it. */
function configuredAddress(env: CommandContext['env']): string {
  const socket = env['ATLAS_GATEWAY_ADMIN_SOCKET'];
  if (socket !== undefined && socket !== '') return `${SOCKET}${socket}`;
  const host = env['ATLAS_GATEWAY_ADMIN_HOST'] ?? '127.0.0.1';
  const reached = ANY_HOSTS.get(host) ?? host;
  const authority = reached.includes(':') ? `[${reached}]` : reached;
  return `http://${authority}:${env['ATLAS_GATEWAY_ADMIN_PORT'] ?? '9090'}`;
}

function readFileFlag(flags: Flags, name: string, { readFile }: CommandContext): string | undefined {
  const path = readText(flags, name);
  if (path === undefined) return undefined;
  try {
    return readFile(path);
  } catch {
    throw new UsageError(`--${name}: the file ${path} cannot be read`);
  }
}

/** The certificate that the listener asks for, if it has a client CA. */
function readIdentity(flags: Flags, context: CommandContext): { cert?: string; key?: string } {
  const cert = readFileFlag(flags, 'cert', context);
  const key = readFileFlag(flags, 'key', context);
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert and --key belong together');
  return { ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
}

function readProbe(flags: Flags, context: CommandContext): Probe {
  const address = readText(flags, 'url') ?? configuredAddress(context.env);
  const options = { path: '/readyz', timeout: TIMEOUT_MS };
  if (address.startsWith(SOCKET)) {
    const socketPath = address.slice(SOCKET.length);
    return { name: address, request: plainRequest, options: { ...options, socketPath, host: 'localhost' } };
  }
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new UsageError(`--url must be an address such as ${EXAMPLE}`);
  const { protocol, origin: name, port } = url;
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const where = { ...options, hostname, port };
  if (protocol === 'http:') return { name, request: plainRequest, options: where };
  // No secret is sent, and a certificate for the name that others use would not match the loopback address, so it is not verified.
  const tls = { ...readIdentity(flags, context), rejectUnauthorized: false };
  return { name, request: tlsRequest, options: { ...where, ...tls } };
}

/** Status and body of a GET, or an error message. */
function get({ name, request, options }: Probe): Promise<{ status: number; body: string } | string> {
  return new Promise((resolve) => {
    const outgoing = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body = (body + chunk).slice(0, 1_024);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: body.trim() }));
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(`no response from ${name}`));
    outgoing.end();
  });
}

export const healthcheck: CommandBody = {
  flags: {
    url: {
      type: 'string',
      value: 'URL',
      description: `Address of the admin listener, e.g. ${EXAMPLE}.`,
      defaultText: 'http://127.0.0.1:9090',
      variables: ['ATLAS_GATEWAY_ADMIN_SOCKET', 'ATLAS_GATEWAY_ADMIN_HOST', 'ATLAS_GATEWAY_ADMIN_PORT'],
    },
    cert: {
      type: 'string',
      value: 'FILE',
      description: 'Client certificate, PEM, for a listener with admin.tls.clientCa.',
      defaultText: 'none',
    },
    key: {
      type: 'string',
      value: 'FILE',
      description: 'Private key of the client certificate, PEM.',
      defaultText: 'none',
    },
  },
  help: {
    description: [
      'Requests /readyz, for images without a shell. A gateway is ready once its configuration and credentials are loaded, until it begins to shut down. Readiness does not depend on Atlas.',
      'Over https, the certificate of the gateway is not verified: the request contains no secret. The public listener answers too, where the admin listener asks for a client certificate.',
    ],
    environment: [
      ['ATLAS_GATEWAY_ADMIN_SOCKET', 'Socket of the admin listener, instead of host and port.'],
      [
        'ATLAS_GATEWAY_ADMIN_HOST',
        'Host of the admin listener; for 0.0.0.0 and ::, the request goes to loopback.',
      ],
      ['ATLAS_GATEWAY_ADMIN_PORT', 'Port of the admin listener.'],
    ],
    exitCodes: [
      ['0', 'The gateway is ready.'],
      ['1', 'It is not ready, or does not respond within 3 seconds.'],
      ['2', 'Invalid usage.'],
    ],
    examples: [
      ['atlas-gateway healthcheck', 'Checks the gateway on this machine.'],
      ['atlas-gateway healthcheck --url http://127.0.0.1:9091', 'Checks one on another admin port.'],
      ['atlas-gateway healthcheck --url https://127.0.0.1:9090', 'Checks one with admin.tls.'],
      ['atlas-gateway healthcheck --url unix:/run/atlas-gateway/admin.sock', 'Checks one with admin.socket.'],
    ],
  },
  async run(flags, context) {
    const answer = await get(readProbe(flags, context));
    if (typeof answer !== 'string' && answer.status === 200) {
      context.print('ready\n');
      return 0;
    }
    context.printError(`not ready: ${typeof answer === 'string' ? answer : answer.body}\n`);
    return 1;
  },
};
