import { createHash } from 'node:crypto';
import { compose } from '../../compose/gateway.ts';
import { configSchema, type GatewayConfig, type SecretRef } from '../../config/schema.ts';
import { createSimulator } from '../../simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../simulator/world.ts';
import { type CommandBody, readPort } from '../command.ts';
import { COLOUR_VARIABLE } from '../configuration.ts';
import { createKey } from './new-key.ts';

const ACCEPT = "-H 'Accept: application/vnd.atlas.2023-02-01+json'";

export const demo: CommandBody = {
  flags: {
    port: {
      type: 'string',
      value: 'PORT',
      description: 'Port of the gateway; 0 picks a free one.',
      defaultText: '8080',
    },
    'admin-port': {
      type: 'string',
      value: 'PORT',
      description: 'Port of metrics and status; 0 picks a free one.',
      defaultText: '9090',
    },
  },
  help: {
    description: [
      'The demo sends nothing to other machines and needs no credentials. The commands it prints can be pasted into a shell.',
      'Press Ctrl-C to stop.',
    ],
    environment: [COLOUR_VARIABLE],
    exitCodes: [
      ['0', 'Stopped by a signal.'],
      ['1', 'A port is in use.'],
      ['2', 'Invalid usage.'],
    ],
    examples: [
      ['atlas-gateway demo', 'Runs on ports 8080 and 9090.'],
      ['atlas-gateway demo --port 0 --admin-port 0', 'Runs on free ports.'],
    ],
  },
  async run(
    flags,
    { version, node, print, printError, isTerminal, env, clock, random, shutdownSignal, onHangup },
  ) {
    const port = readPort(flags, 'port', 8_080);
    const adminPort = readPort(flags, 'admin-port', 9_090);
    // There is no configuration to reload, and closing the terminal must not stop the demo.
    onHangup(() => undefined);
    const simulator = createSimulator({}, { clock, random });
    const origin = await simulator.listen(0);
    const keys = { payments: createKey(random), orders: createKey(random) };
    const config = configOf({ port, adminPort, origin, keys });
    const log = {
      destination: { write: print },
      people: true,
      colorize: isTerminal && (env['NO_COLOR'] ?? '') === '',
    };
    const gateway = compose({ config, secretOf, build: { version, node }, log }, { clock, random });
    let started: Awaited<ReturnType<typeof gateway.start>>;
    try {
      started = await gateway.start();
    } catch (error) {
      printError(
        `atlas-gateway: ${error instanceof Error ? error.message : 'cannot start'} (in the demo: --port and --admin-port)\n`,
      );
      await simulator.close();
      return 1;
    }
    print(introduction({ ...started, origin, keys }));
    await shutdownSignal();
    await gateway.stop({ immediate: true });
    await simulator.close();
    return 0;
  },
};

type DemoKeys = Readonly<Record<'payments' | 'orders', ReturnType<typeof createKey>>>;

const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
const SECRETS: ReadonlyMap<string, string> = new Map([
  ['CLIENT_ID', clientId],
  ['CLIENT_SECRET', clientSecret],
]);
const secretOf = (ref: SecretRef) => ('env' in ref ? (SECRETS.get(ref.env) ?? '') : '');

const team = (name: string, key: DemoKeys['orders'], projects: readonly string[]) => ({
  name,
  projects,
  keys: [{ id: key.id, sha256: createHash('sha256').update(key.secret).digest('hex') }],
});

const configOf = ({
  port,
  adminPort,
  origin,
  keys,
}: {
  readonly port: number;
  readonly adminPort: number;
  readonly origin: string;
  readonly keys: DemoKeys;
}): GatewayConfig =>
  configSchema.parse({
    listen: { port },
    admin: { port: adminPort },
    upstream: { origin },
    credentials: [
      {
        name: 'demo',
        serviceAccount: { clientId: { env: 'CLIENT_ID' }, clientSecret: { env: 'CLIENT_SECRET' } },
      },
    ],
    callers: [
      team('team-payments', keys.payments, [SAMPLE_PROJECTS.payments.id, SAMPLE_PROJECTS.empty.id]),
      team('team-orders', keys.orders, [SAMPLE_PROJECTS.orders.id]),
    ],
    anonymous: { projects: 'all', organizations: 'all' },
  });

/** What to try, as commands for a shell. */
function introduction({
  publicOrigin,
  adminOrigin,
  origin,
  keys,
}: {
  readonly publicOrigin: string;
  readonly adminOrigin: string;
  readonly origin: string;
  readonly keys: DemoKeys;
}): string {
  const { payments, orders } = SAMPLE_PROJECTS;
  const list = (project: string, query = '') =>
    `'${publicOrigin}/api/atlas/v2/groups/${project}/streams/privateLinkConnections${query}'`;
  return `
The gateway listens on ${publicOrigin}, the simulated Atlas on ${origin}.

The first request loads the list from Atlas (Cache-Status: fwd=miss); a second one is served from the cache (hit):
  curl -i ${ACCEPT} ${list(payments.id, '?itemsPerPage=2')}

Other pages and formats of the same list are hits, too:
  curl -i ${ACCEPT} ${list(payments.id, '?pretty=true&pageNum=3&itemsPerPage=5')}

As team-orders, with its key: its own project, then a project of another team (403):
  curl -i ${ACCEPT} -H 'Authorization: Bearer ${keys.orders.id}_${keys.orders.secret}' ${list(orders.id, '?itemsPerPage=1')}
  curl -i ${ACCEPT} -H 'Authorization: Bearer ${keys.orders.id}_${keys.orders.secret}' ${list(payments.id)}

Make Atlas fail, and the gateway continues to serve cached lists. The second line ends the outage:
  curl -X POST -d '{"status":503}' ${origin}/simulator/faults
  curl -X DELETE ${origin}/simulator/faults

See the number of requests sent to Atlas, and the status of the gateway:
  curl -s ${adminOrigin}/metrics | grep atlas_gateway_upstream_requests_total
  curl -s ${adminOrigin}/status.json

Press Ctrl-C to stop.

`;
}
