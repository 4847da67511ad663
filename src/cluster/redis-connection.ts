import type { Cluster, Redis } from 'ioredis';
import { createBackoff } from '../lib/backoff.ts';
import type { Random } from '../lib/random.ts';
import type { RedisAddress } from './redis-url.ts';

/** A connection to the engine for commands and one for a channel's messages; both reconnect by themselves. */
export interface RedisConnection {
  /** Whether commands can be sent now. */
  readonly ready: boolean;
  /** Rejects if the engine returns an error or the connection is lost. */
  call(command: string, args: readonly (string | number | Buffer)[]): Promise<unknown>;
  /** Connects and subscribes to the channel; rejects if the client library cannot be loaded. */
  open(channel: string, handlers: ConnectionHandlers): Promise<void>;
  /** Drops both connections and opens new ones. */
  reconnect(): void;
  close(): void;
}

export interface ConnectionHandlers {
  onReady(): void;
  onClose(): void;
  onError(error: unknown): void;
  onMessage(message: string): void;
}

export interface ConnectionOptions {
  readonly address: RedisAddress;
  /** Trusted CA certificates in PEM format, instead of the default ones. */
  readonly ca?: string;
}

const CONNECT_TIMEOUT_MS = 2_000;
const FIRST_RECONNECT_MS = 200;
const LONGEST_RECONNECT_MS = 5_000;

/** Options of every connection, whatever the form of the deployment. */
const commonOptions = ({ address: { tls, username, password }, ca }: ConnectionOptions) =>
  ({
    ...(tls ? { tls: ca === undefined ? {} : { ca } } : {}),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    // A command that cannot be sent now must not be sent later: its caller no longer waits.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    protocol: 2,
    disableClientInfo: true,
    connectionName: 'atlas-gateway',
    // After a failover the connection may point to a replica, which rejects writes.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  }) as const;

function createClient(
  ioredis: Pick<typeof import('ioredis'), 'Redis' | 'Cluster'>,
  options: ConnectionOptions,
  retryStrategy: (times: number) => number,
): Redis | Cluster {
  const { form, tls, nodes, database, primary, sentinelPassword } = options.address;
  const common = commonOptions(options);
  const [first] = nodes;
  switch (form) {
    case 'cluster':
      return new ioredis.Cluster([...nodes], {
        redisOptions: common,
        enableOfflineQueue: false,
        clusterRetryStrategy: retryStrategy,
        slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
      });
    case 'sentinel':
      return new ioredis.Redis({
        ...common,
        sentinels: [...nodes],
        name: primary,
        ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
        ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: common.tls } : {}),
        sentinelRetryStrategy: retryStrategy,
        db: database,
        retryStrategy,
      });
    case 'single':
      return new ioredis.Redis({ ...common, ...first, db: database, retryStrategy });
  }
}

/** Nothing is connected before `open`; lost connections are opened again after a pause of up to `LONGEST_RECONNECT_MS`, with jitter. */
export function createRedisConnection(
  options: ConnectionOptions,
  { random }: { random: Random },
): RedisConnection {
  const pauseMs = createBackoff({
    firstMs: FIRST_RECONNECT_MS,
    longestMs: LONGEST_RECONNECT_MS,
    jitter: { fraction: 0.25, random },
  });
  let commands: Redis | Cluster | undefined;
  /** The same client as `commands` in a cluster: ioredis' cluster client opens a separate connection for subscriptions itself. */
  let subscriber: Redis | Cluster | undefined;
  let closed = false;
  const clients = () => new Set([commands, subscriber]);

  return {
    get ready() {
      return commands?.status === 'ready' && !closed;
    },
    async call(command, args) {
      return commands?.callBuffer(command, [...args]);
    },
    async open(channel, handlers) {
      // Imported lazily, so that a gateway without a shared tier never loads it.
      const ioredis = await import('ioredis');
      if (closed) return;
      const create = () => createClient(ioredis, options, (times) => pauseMs(times - 1));
      const commandClient = create();
      const subscribeClient = options.address.form === 'cluster' ? commandClient : create();
      commands = commandClient;
      subscriber = subscribeClient;
      for (const client of clients()) client?.on('error', handlers.onError);
      commandClient.on('close', handlers.onClose);
      commandClient.on('ready', handlers.onReady);
      subscribeClient.on('ready', () => void subscribeClient.subscribe(channel).catch(() => undefined));
      subscribeClient.on('message', (_channel: string, message: string) => handlers.onMessage(message));
    },
    reconnect() {
      for (const client of clients()) client?.disconnect(true);
    },
    close() {
      closed = true;
      for (const client of clients()) client?.disconnect();
    },
  };
}
