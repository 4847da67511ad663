import { createHash } from 'node:crypto';
import { compose } from '../../compose/gateway.ts';
import { configSchema } from '../../config/schema.ts';
import { createSimulator } from '../../simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../simulator/world.ts';
import { COLOUR_VARIABLE, showsColours } from '../colours.ts';
import { type CommandBody, type Flags, readPort, UsageError } from '../command.ts';
import { demoGuide } from '../demo-guide.ts';
import { createKey } from './new-key.ts';

const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
const SECRETS: Readonly<Record<string, string>> = { CLIENT_ID: clientId, CLIENT_SECRET: clientSecret };
const secretOf = (ref: { env: string } | { file: string }) => ('env' in ref ? (SECRETS[ref.env] ?? '') : '');

type Key = ReturnType<typeof createKey>;

/** The gateway in front of the simulator: two teams with a key each, and everything open to callers without one. */
function demoConfig({
  ports,
  origin,
  keys,
}: {
  ports: { listen: number; admin: number };
  origin: string;
  keys: { payments: Key; orders: Key };
}) {
  const { payments, orders, empty } = SAMPLE_PROJECTS;
  const team = (name: string, { id, secret }: Key, projects: string[]) => ({
    name,
    projects,
    operations: 'reads',
    keys: [{ id, sha256: createHash('sha256').update(secret).digest('hex') }],
  });
  return configSchema.parse({
    listen: { port: ports.listen },
    admin: { port: ports.admin },
    upstream: { origin },
    credentials: [
      {
        name: 'demo',
        serviceAccount: { clientId: { env: 'CLIENT_ID' }, clientSecret: { env: 'CLIENT_SECRET' } },
      },
    ],
    callers: [
      team('team-payments', keys.payments, [payments.id, empty.id]),
      team('team-orders', keys.orders, [orders.id]),
    ],
    anonymous: { projects: 'all', organizations: 'all', operations: 'reads' },
  });
}

function readPorts(flags: Flags): { listen: number; admin: number } {
  const ports = { listen: readPort(flags, 'port', 8_080), admin: readPort(flags, 'admin-port', 9_090) };
  if (ports.listen === ports.admin && ports.listen !== 0)
    throw new UsageError('--port and --admin-port must differ');
  return ports;
}

/** The gateway's error with the flags of the demo in place of the settings, which the demo has no file for. */
function whyNotStarted(error: unknown): string {
  if (!(error instanceof Error)) return 'cannot start';
  return error.message.replace('listen.port', '--port').replace('admin.port', '--admin-port');
}

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
    verbose: {
      type: 'boolean',
      description: 'Also prints what the gateway logs: a line per request, and its troubles with Atlas.',
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
      ['atlas-gateway demo --verbose', 'Shows how the gateway logs each request.'],
    ],
  },
  async run(
    flags,
    { version, node, print, printError, isTerminal, env, clock, random, shutdownSignal, onHangup },
  ) {
    const ports = readPorts(flags);
    // There is no configuration to reload, and closing the terminal must not stop the demo.
    onHangup(() => undefined);
    const simulator = createSimulator({}, { clock, random });
    const origin = await simulator.listen(0);
    const keys = { payments: createKey(random), orders: createKey(random) };
    const config = demoConfig({ ports, origin, keys });
    const colour = showsColours({ isTerminal, env });
    // Log lines would push the steps out of the terminal, and those of the outage look as if the demo had failed.
    const write = flags['verbose'] === true ? print : () => undefined;
    const log = { destination: { write }, people: true, colorize: colour };
    const gateway = compose({ config, secretOf, build: { version, node }, log }, { clock, random });
    // Before the guide says that Ctrl-C stops the demo.
    const stopped = shutdownSignal();
    let started: Awaited<ReturnType<typeof gateway.start>>;
    try {
      started = await gateway.start();
    } catch (error) {
      printError(`atlas-gateway: ${whyNotStarted(error)}\n`);
      await simulator.close();
      return 1;
    }
    print(demoGuide({ ...started, simulatorOrigin: origin, ordersKey: keys.orders, colour }));
    await stopped;
    await gateway.stop({ immediate: true });
    await simulator.close();
    return 0;
  },
};
