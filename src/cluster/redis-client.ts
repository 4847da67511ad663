import type { Clock } from '../lib/clock.ts';
import { codeOfError } from '../lib/error-code.ts';
import type { Random } from '../lib/random.ts';
import { TIMED_OUT, withDeadline } from './call-deadline.ts';
import type { SharedEvent, SharedOperation, SharedOutcome } from './events.ts';
import type { Script } from './lua-scripts.ts';
import { createRedisBreaker } from './redis-breaker.ts';
import { type ConnectionOptions, createRedisConnection } from './redis-connection.ts';

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
 * A Redis or Valkey server, which may be unreachable, slow or full at any time: `evaluate` then resolves to undefined, and it never rejects.
 */
export interface RedisClient {
  evaluate(request: SharedRequest): Promise<unknown>;
  readonly connected: boolean;
  /** Starts connecting; `onMessage` receives the messages published on the channel, and an empty message after each (re)connection. */
  open(channel: string, onMessage: (message: string) => void): void;
  close(): Promise<void>;
}

export interface RedisClientOptions extends ConnectionOptions {
  /** Deadline of a call. */
  readonly timeoutMs: number;
}

/** Maximum concurrent calls. */
const MAX_PENDING = 2_000;
/** Error replies whose first word may be reported: it contains no external data. */
const REPORTABLE_REPLIES =
  /^(OOM|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|NOAUTH|WRONGPASS|NOPERM|MISCONF|BUSY|NOREPLICAS|ERR)\b/;
const isReply = (error: unknown): error is Error => error instanceof Error && error.name === 'ReplyError';

/** A code that may be reported, from an error reply or a lost connection. */
function codeOf(error: unknown): string {
  if (isReply(error)) return REPORTABLE_REPLIES.exec(error.message)?.[1] ?? 'refused';
  return codeOfError(error) ?? 'unreachable';
}

/** At most `MAX_PENDING` calls are in progress, each for at most its deadline; outcomes and the connection state are observed. */
export function createRedisClient(
  { timeoutMs, ...connectionOptions }: RedisClientOptions,
  { clock, random, observe }: { clock: Clock; random: Random; observe: (event: SharedEvent) => void },
): RedisClient {
  const connection = createRedisConnection(connectionOptions, { random });
  const breaker = createRedisBreaker({ clock, random });
  let closed = false;
  let reported: boolean | undefined;
  let lastCode = 'unreachable';
  const pending = new Set<Promise<unknown>>();

  function reportState(connected: boolean): void {
    if (reported === connected || closed) return;
    reported = connected;
    observe({ type: 'shared-state', connected, ...(connected ? {} : { detail: lastCode }) });
  }

  function succeed(): void {
    breaker.succeed();
    reportState(true);
  }

  function fail(code: string, startedAt: number): void {
    lastCode = code;
    if (!breaker.fail(startedAt)) return;
    reportState(false);
    // A silent connection may be dead without an error on the socket.
    if (code === 'timeout') connection.reconnect();
  }

  async function runScript({ script, keys, args }: SharedRequest): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await connection.call('evalsha', [script.sha, ...rest]);
    } catch (error) {
      if (!isReply(error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return connection.call('eval', [script.source, ...rest]);
    }
  }

  async function exchange(request: SharedRequest): Promise<{ outcome: SharedOutcome; reply?: unknown }> {
    const startedAt = clock.now();
    try {
      const reply = await withDeadline(runScript(request), request.deadlineMs ?? timeoutMs, clock);
      if (reply === TIMED_OUT) {
        fail('timeout', startedAt);
        return { outcome: 'timeout' };
      }
      succeed();
      return { outcome: request.outcomeOf?.(reply) ?? 'done', reply };
    } catch (error) {
      fail(codeOf(error), startedAt);
      return { outcome: isReply(error) ? 'refused' : 'unavailable' };
    }
  }

  /** Why no call can be made now: not connected, rejected by the circuit breaker, or too many pending calls. */
  function rejection(): SharedOutcome | undefined {
    if (!connection.ready || closed || !breaker.admits) return 'unavailable';
    return pending.size >= MAX_PENDING ? 'busy' : undefined;
  }

  /** Makes a call that counts towards the maximum and is awaited by `close`. */
  async function call(request: SharedRequest): Promise<{ outcome: SharedOutcome; reply?: unknown }> {
    const rejected = rejection();
    if (rejected !== undefined) return { outcome: rejected };
    const end = breaker.begin();
    const answer = exchange(request);
    pending.add(answer);
    try {
      return await answer;
    } finally {
      pending.delete(answer);
      end();
    }
  }

  return {
    async evaluate(request) {
      const startedAt = clock.now();
      const { outcome, reply } = await call(request);
      observe({
        type: 'shared-exchange',
        operation: request.operation,
        outcome,
        durationMs: clock.now() - startedAt,
      });
      return reply;
    },
    get connected() {
      return connection.ready && !breaker.open;
    },
    open(channel, onMessage) {
      const opening = connection.open(channel, {
        onMessage,
        onReady() {
          // A new connection ends the pause, unless the previous one was dropped because of timeouts.
          if (lastCode !== 'timeout') breaker.endPause();
          onMessage('');
        },
        onClose: () => reportState(false),
        onError(error) {
          lastCode = codeOf(error);
          if (!connection.ready) reportState(false);
        },
      });
      void opening.catch(() => reportState(false));
    },
    async close() {
      await Promise.all(pending);
      closed = true;
      connection.close();
    },
  };
}
