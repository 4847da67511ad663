import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { SharedEvent, SharedOperation, SharedOutcome } from './events.ts';
import type { SharedAddress } from './redis-url.ts';

/** A Lua script that the engine runs atomically. All keys of one call must be in the same cluster hash slot. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

/** One call to the engine. */
export interface SharedRequest {
  readonly operation: SharedOperation;
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly (string | number | Buffer)[];
  /** Overrides the usual deadline for calls that no request waits for. */
  readonly deadlineMs?: number;
  readonly outcomeOf?: (reply: unknown) => SharedOutcome;
}

/**
 * A Redis or Valkey server, which may be unreachable, slow or full at any time: `evaluate` then resolves to undefined and never rejects.
 */
export interface RedisClient {
  evaluate(request: SharedRequest): Promise<unknown | undefined>;
  readonly connected: boolean;
  /** Starts connecting; `onMessage` receives the messages published on the channel, and an empty message after each (re)connection. */
  open(channel: string, onMessage: (message: string) => void): void;
  close(): Promise<void>;
}

export interface SharedEngineOptions {
  readonly address: SharedAddress;
  /** Deadline of a call. */
  readonly timeoutMs: number;
  /** Trusted CA certificates in PEM format, instead of the default ones. */
  readonly ca?: string;
}

const CONNECT_TIMEOUT_MS = 2_000;
const FIRST_RECONNECT_MS = 100;
const LONGEST_RECONNECT_MS = 5_000;
/** Consecutive failures that open the circuit breaker; each opening lasts longer. */
const FAILURES_TO_PAUSE = 5;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** Maximum concurrent calls. */
const MAX_PENDING = 2_000;
/** Error replies whose first word may be reported: it contains no external data. */
const REPORTABLE_REPLIES =
  /^(OOM|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|NOAUTH|WRONGPASS|NOPERM|MISCONF|BUSY|NOREPLICAS|ERR)\b/;
const isReply = (error: unknown): error is Error => error instanceof Error && error.name === 'ReplyError';
const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unreachable';

export const createScript = (source: string): Script => ({
  source,
  sha: createHash('sha1').update(source).digest('hex'),
});

const TIMED_OUT = Symbol('timed out');

export function createRedisClient(
  { address, timeoutMs, ca }: SharedEngineOptions,
  { clock, random, observe }: { clock: Clock; random: Random; observe: (event: SharedEvent) => void },
): RedisClient {
  let commands: Redis | Cluster | undefined;
  let subscriber: Redis | Cluster | undefined;
  let closed = false;
  let reported: boolean | undefined;
  let lastCode = 'unreachable';
  let failures = 0;
  let failedAt = Number.NEGATIVE_INFINITY;
  let pauses = 0;
  let pausedUntil = 0;
  let probing = false;
  const pending = new Set<Promise<unknown>>();

  const isReady = () => commands?.status === 'ready';

  function reportState(connected: boolean): void {
    if (reported === connected || closed) return;
    reported = connected;
    observe({ type: 'shared-state', connected, ...(connected ? {} : { detail: lastCode }) });
  }

  function succeed(): void {
    failures = 0;
    pauses = 0;
    reportState(true);
  }

  function fail(code: string, startedAt: number): void {
    lastCode = code;
    // Concurrent calls fail together: they count as one failure, not as several consecutive ones.
    if (startedAt < failedAt) return;
    failedAt = clock.now();
    failures++;
    if (failures < FAILURES_TO_PAUSE) return;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** pauses) * (0.75 + random.fraction() / 4);
    pauses = Math.min(pauses + 1, 16);
    pausedUntil = clock.now() + pauseMs;
    reportState(false);
    // A silent connection may be dead without an error on the socket.
    if (code === 'timeout') for (const client of [commands, subscriber]) client?.disconnect(true);
  }

  async function runScript({ script, keys, args }: SharedRequest): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await commands?.callBuffer('evalsha', [script.sha, ...rest]);
    } catch (error) {
      if (!isReply(error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return commands?.callBuffer('eval', [script.source, ...rest]);
    }
  }

  function withDeadline(answer: Promise<unknown>, deadlineMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let cancel: () => void = () => undefined;
      function wait(mayExtend: boolean): void {
        const dueAt = clock.now() + deadlineMs;
        cancel = clock.after(deadlineMs, () => {
          // A late timer means that this process was blocked: the deadline is extended once.
          if (mayExtend && clock.now() - dueAt > deadlineMs / 2) wait(false);
          // The reply may already be in the socket buffer: the event loop reads it before the call counts as timed out.
          else setImmediate(() => resolve(TIMED_OUT));
        });
      }
      wait(true);
      answer.then(resolve, reject).finally(() => cancel());
    });
  }

  async function exchange(request: SharedRequest): Promise<{ outcome: SharedOutcome; reply?: unknown }> {
    const startedAt = clock.now();
    try {
      const reply = await withDeadline(runScript(request), request.deadlineMs ?? timeoutMs);
      if (reply === TIMED_OUT) {
        fail('timeout', startedAt);
        return { outcome: 'timeout' };
      }
      succeed();
      return { outcome: request.outcomeOf?.(reply) ?? 'done', reply };
    } catch (error) {
      if (!isReply(error)) {
        fail(codeOf(error), startedAt);
        return { outcome: 'unavailable' };
      }
      fail(REPORTABLE_REPLIES.exec(error.message)?.[1] ?? 'refused', startedAt);
      return { outcome: 'refused' };
    }
  }

  /** Why no call can be made now: not connected, circuit breaker open, its probe in progress, or too many pending calls. */
  function rejection(): SharedOutcome | undefined {
    if (!isReady() || closed) return 'unavailable';
    if (failures >= FAILURES_TO_PAUSE && (probing || clock.now() < pausedUntil)) return 'unavailable';
    return pending.size >= MAX_PENDING ? 'busy' : undefined;
  }

  async function connect(channel: string, onMessage: (message: string) => void): Promise<void> {
    // Imported lazily, so that a gateway without a shared tier never loads it.
    const ioredis = await import('ioredis');
    if (closed) return;
    const { form, tls, nodes, database, username, password, primary, sentinelPassword } = address;
    const secure = tls ? { tls: ca === undefined ? {} : { ca } } : {};
    const pauseMs = (times: number) =>
      Math.min(LONGEST_RECONNECT_MS, FIRST_RECONNECT_MS * 2 ** Math.min(times, 10)) *
      (0.75 + random.fraction() / 4);
    const baseOptions = {
      ...secure,
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
    } as const;
    const [first] = nodes;
    const create = (): Redis | Cluster => {
      switch (form) {
        case 'cluster':
          return new ioredis.Cluster([...nodes], {
            redisOptions: baseOptions,
            enableOfflineQueue: false,
            clusterRetryStrategy: pauseMs,
            slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
          });
        case 'sentinel':
          return new ioredis.Redis({
            ...baseOptions,
            sentinels: [...nodes],
            name: primary,
            ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
            ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: secure.tls } : {}),
            sentinelRetryStrategy: pauseMs,
            db: database,
            retryStrategy: pauseMs,
          });
        case 'single':
          return new ioredis.Redis({ ...baseOptions, ...first, db: database, retryStrategy: pauseMs });
      }
    };
    const commandClient = create();
    // ioredis' cluster client opens a separate connection for subscriptions itself.
    const subscribeClient = form === 'cluster' ? commandClient : create();
    for (const client of new Set([commandClient, subscribeClient])) {
      client.on('error', (error: unknown) => {
        lastCode = isReply(error)
          ? (REPORTABLE_REPLIES.exec(error.message)?.[1] ?? 'refused')
          : codeOf(error);
        if (!isReady()) reportState(false);
      });
    }
    commandClient.on('close', () => reportState(false));
    commandClient.on('ready', () => {
      // A new connection ends the pause, unless the previous one was dropped because of timeouts.
      if (lastCode !== 'timeout') pausedUntil = 0;
      onMessage('');
    });
    subscribeClient.on('ready', () => void subscribeClient.subscribe(channel).catch(() => undefined));
    subscribeClient.on('message', (_channel: string, message: string) => onMessage(message));
    commands = commandClient;
    subscriber = subscribeClient;
  }

  return {
    async evaluate(request) {
      const startedAt = clock.now();
      const report = (outcome: SharedOutcome) =>
        observe({
          type: 'shared-exchange',
          operation: request.operation,
          outcome,
          durationMs: clock.now() - startedAt,
        });
      const rejected = rejection();
      if (rejected !== undefined) {
        report(rejected);
        return undefined;
      }
      const probe = failures >= FAILURES_TO_PAUSE;
      if (probe) probing = true;
      const call = exchange(request);
      pending.add(call);
      const { outcome, reply } = await call;
      pending.delete(call);
      if (probe) probing = false;
      report(outcome);
      return reply;
    },
    get connected() {
      return isReady() && failures < FAILURES_TO_PAUSE;
    },
    open(channel, onMessage) {
      void connect(channel, onMessage).catch(() => reportState(false));
    },
    async close() {
      await Promise.all(pending);
      closed = true;
      for (const client of new Set([commands, subscriber])) client?.disconnect();
    },
  };
}
