import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { SharedEvent, SharedOperation, SharedOutcome } from './events.ts';
import type { SharedAddress } from './redis-url.ts';

/** A script that the engine runs as a whole. All keys of one call lie in one slot of a cluster. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

/** One question to the engine. */
export interface SharedRequest {
  readonly operation: SharedOperation;
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly (string | number | Buffer)[];
  /** Instead of the usual deadline, where nobody waits for it. */
  readonly deadlineMs?: number;
  readonly outcomeOf?: (reply: unknown) => SharedOutcome;
}

/** A Redis or Valkey, which may be gone, slow or full at any moment: what it cannot answer in time is undefined, and nothing throws. */
export interface RedisClient {
  evaluate(request: SharedRequest): Promise<unknown | undefined>;
  readonly connected: boolean;
  /** Begins to connect; `heard` is called with what others publish on the channel, and with an empty message after each connection. */
  open(channel: string, heard: (message: string) => void): void;
  close(): Promise<void>;
}

export interface SharedEngineOptions {
  readonly address: SharedAddress;
  /** How long an answer is waited for. */
  readonly timeoutMs: number;
  /** Certificates to trust instead of the usual ones, PEM. */
  readonly ca?: string;
}

const CONNECT_TIMEOUT_MS = 2_000;
const FIRST_RECONNECT_MS = 100;
const LONGEST_RECONNECT_MS = 5_000;
/** After this many failures in a row it is left alone, for longer each time. */
const FAILURES_TO_PAUSE = 5;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** Questions that may be under way at the same time. */
const MAX_PENDING = 2_000;
/** Error replies whose first word may be told: they hold nothing from outside. */
const REPLIES =
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
    // Those that were under way together fail together: that is one failure, not many in a row.
    if (startedAt < failedAt) return;
    failedAt = clock.now();
    failures++;
    if (failures < FAILURES_TO_PAUSE) return;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** pauses) * (0.75 + random.fraction() / 4);
    pauses = Math.min(pauses + 1, 16);
    pausedUntil = clock.now() + pauseMs;
    reportState(false);
    // A connection that says nothing may be dead without knowing it.
    if (code === 'timeout') for (const one of [commands, subscriber]) one?.disconnect(true);
  }

  async function ask({ script, keys, args }: SharedRequest): Promise<unknown> {
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
      function wait(again: boolean): void {
        const dueAt = clock.now() + deadlineMs;
        cancel = clock.after(deadlineMs, () => {
          // A process that comes late to its timers was busy itself: the engine gets its time once more.
          if (again && clock.now() - dueAt > deadlineMs / 2) wait(false);
          // The answer may be there already: it is read before it counts as missing.
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
      const reply = await withDeadline(ask(request), request.deadlineMs ?? timeoutMs);
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
      fail(REPLIES.exec(error.message)?.[1] ?? 'refused', startedAt);
      return { outcome: 'refused' };
    }
  }

  /** Without a connection, while it is left alone, or beside the one question that tries whether it is back. */
  function unaskable(): SharedOutcome | undefined {
    if (!isReady() || closed) return 'unavailable';
    if (failures >= FAILURES_TO_PAUSE && (probing || clock.now() < pausedUntil)) return 'unavailable';
    return pending.size >= MAX_PENDING ? 'busy' : undefined;
  }

  async function connect(channel: string, heard: (message: string) => void): Promise<void> {
    // Loaded here, so that a gateway without a shared tier never loads it.
    const ioredis = await import('ioredis');
    if (closed) return;
    const { form, tls, nodes, database, username, password, primary, sentinelPassword } = address;
    const secure = tls ? { tls: ca === undefined ? {} : { ca } } : {};
    const pauseMs = (times: number) =>
      Math.min(LONGEST_RECONNECT_MS, FIRST_RECONNECT_MS * 2 ** Math.min(times, 10)) *
      (0.75 + random.fraction() / 4);
    const usual = {
      ...secure,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      connectTimeout: CONNECT_TIMEOUT_MS,
      // What cannot be sent now is not sent later: nobody waits for it any more.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      protocol: 2,
      disableClientInfo: true,
      connectionName: 'atlas-gateway',
      // After a failover the connection may lead to a replica, which takes no writes.
      reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    } as const;
    const [first] = nodes;
    const create = (): Redis | Cluster => {
      switch (form) {
        case 'cluster':
          return new ioredis.Cluster([...nodes], {
            redisOptions: usual,
            enableOfflineQueue: false,
            clusterRetryStrategy: pauseMs,
            slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
          });
        case 'sentinel':
          return new ioredis.Redis({
            ...usual,
            sentinels: [...nodes],
            name: primary,
            ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
            ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: secure.tls } : {}),
            sentinelRetryStrategy: pauseMs,
            db: database,
            retryStrategy: pauseMs,
          });
        case 'single':
          return new ioredis.Redis({ ...usual, ...first, db: database, retryStrategy: pauseMs });
      }
    };
    const begun = create();
    // A cluster keeps a connection of its own for what it subscribes to.
    const listening = form === 'cluster' ? begun : create();
    for (const one of new Set([begun, listening])) {
      one.on('error', (error: unknown) => {
        lastCode = isReply(error) ? (REPLIES.exec(error.message)?.[1] ?? 'refused') : codeOf(error);
        if (!isReady()) reportState(false);
      });
    }
    begun.on('close', () => reportState(false));
    begun.on('ready', () => {
      // A new connection deserves a try at once, unless it was given up because nothing came over it.
      if (lastCode !== 'timeout') pausedUntil = 0;
      heard('');
    });
    listening.on('ready', () => void listening.subscribe(channel).catch(() => undefined));
    listening.on('message', (_channel: string, message: string) => heard(message));
    commands = begun;
    subscriber = listening;
  }

  return {
    async evaluate(request) {
      const startedAt = clock.now();
      const reported = (outcome: SharedOutcome) =>
        observe({
          type: 'shared-exchange',
          operation: request.operation,
          outcome,
          durationMs: clock.now() - startedAt,
        });
      const refusal = unaskable();
      if (refusal !== undefined) {
        reported(refusal);
        return undefined;
      }
      const probe = failures >= FAILURES_TO_PAUSE;
      if (probe) probing = true;
      const under = exchange(request);
      pending.add(under);
      const { outcome, reply } = await under;
      pending.delete(under);
      if (probe) probing = false;
      reported(outcome);
      return reply;
    },
    get connected() {
      return isReady() && failures < FAILURES_TO_PAUSE;
    },
    open(channel, heard) {
      void connect(channel, heard).catch(() => reportState(false));
    },
    async close() {
      await Promise.all(pending);
      closed = true;
      for (const one of new Set([commands, subscriber])) one?.disconnect();
    },
  };
}
