import { request } from 'node:http';
import { type CommandBody, readText, UsageError } from '../command.ts';

const TIMEOUT_MS = 3_000;

/** Status and body of a GET, or an error message. */
function get(url: URL): Promise<{ status: number; body: string } | string> {
  return new Promise((resolve) => {
    const outgoing = request(url, { timeout: TIMEOUT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body = (body + chunk).slice(0, 1_024);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: body.trim() }));
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(`no response from ${url.origin}`));
    outgoing.end();
  });
}

export const healthcheck: CommandBody = {
  flags: {
    url: {
      type: 'string',
      value: 'URL',
      description: 'Address of the admin listener.',
      defaultText: 'http://127.0.0.1:9090',
      variables: ['ATLAS_GATEWAY_ADMIN_HOST', 'ATLAS_GATEWAY_ADMIN_PORT'],
    },
  },
  help: {
    description: [
      'Requests /readyz, for images without a shell. A gateway is ready once its configuration and credentials are loaded, until it begins to shut down. Readiness does not depend on Atlas.',
    ],
    environment: [
      ['ATLAS_GATEWAY_ADMIN_HOST', 'Host of the admin listener; for 0.0.0.0, the request goes to 127.0.0.1.'],
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
    ],
  },
  async run(flags, { env, print, printError }) {
    const host = env['ATLAS_GATEWAY_ADMIN_HOST'] ?? '127.0.0.1';
    const origin =
      readText(flags, 'url') ??
      `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${env['ATLAS_GATEWAY_ADMIN_PORT'] ?? '9090'}`;
    if (!URL.canParse(origin)) throw new UsageError('--url must be an address such as http://127.0.0.1:9090');
    const answer = await get(new URL('/readyz', origin));
    if (typeof answer !== 'string' && answer.status === 200) {
      print('ready\n');
      return 0;
    }
    printError(`not ready: ${typeof answer === 'string' ? answer : answer.body}\n`);
    return 1;
  },
};
