import { LRUCache } from 'lru-cache';
import { createPurgeLog, type PurgeScope } from '../cache/purge-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { LOG_ENTRIES } from './lua-scripts.ts';
import type { SharedPurge } from './wire-schemas.ts';

/** How a gateway handles the purges of other gateways. */
export interface PurgeHandlers {
  onPurge(scope: PurgeScope & { soft: boolean }): void;
  /** An unknown set of purges was missed or unreadable, or another program changed the counter. */
  onGap(): void;
}

/** An own purge that this gateway has not yet received back from the engine. */
interface Unconfirmed {
  readonly purge: SharedPurge;
  /** Whether the engine has accepted it. */
  sent: boolean;
}

/** The purges of all gateways in the engine's order, and this gateway's own unconfirmed purges. */
export interface PurgeSync {
  /** The number of purges so far. */
  readonly epoch: number;
  /** Whether a purge after `epoch` covers this operation of this project. */
  isPurgedSince(project: string, operation: string, epoch: number): boolean;
  /** Queues an own purge. */
  add(scope: PurgeScope & { soft: boolean }): void;
  /** Own purges that have not been received back. */
  readonly unconfirmed: ReadonlyMap<string, Unconfirmed>;
  /** Applies the purges after the known sequence, oldest first; unreadable ones are undefined. `first`: this is the first join. */
  apply(
    epoch: number,
    received: readonly (SharedPurge | undefined)[],
    known: { readonly first: boolean },
  ): void;
  /** Queues the own purges of the last minutes again after the engine may have lost them. */
  resendRecent(): void;
}

/** Own purges up to this age are sent again after the engine may have lost them. */
export const RECENT_MS = 600_000;
const MAX_RECENT = 200;
const MAX_REMEMBERED = 10_000;

const scopeOf = ({ project, operation }: Partial<SharedPurge>): PurgeScope => ({
  ...(project === undefined ? {} : { project }),
  ...(operation === undefined ? {} : { operation }),
});

export function createPurgeSync({
  clock,
  random,
  handlers,
}: {
  clock: Clock;
  random: Random;
  handlers: PurgeHandlers;
}): PurgeSync {
  let purgeLog = createPurgeLog(MAX_REMEMBERED);
  let floor = 0;
  const unconfirmed = new Map<string, Unconfirmed>();
  const recent: { purge: SharedPurge; at: number }[] = [];
  /** Ids of the latest purges, so that a purge delivered twice is applied once; applying one again would only cost loads. */
  const appliedIds = new LRUCache<string, true>({ max: LOG_ENTRIES });

  function isNew({ id }: SharedPurge): boolean {
    if (appliedIds.has(id)) return false;
    appliedIds.set(id, true);
    return true;
  }

  return {
    get epoch() {
      return purgeLog.epoch;
    },
    isPurgedSince: (project, operation, epoch) =>
      epoch < floor || purgeLog.isPurgedSince(project, operation, epoch),
    unconfirmed,
    add({ soft, ...scope }) {
      const purge = { id: random.bytes(9).toString('base64url'), ...scopeOf(scope), soft };
      // Above the limit, all unconfirmed purges collapse into one purge of everything.
      const tooMany = unconfirmed.size >= MAX_RECENT;
      if (tooMany) unconfirmed.clear();
      const queued = tooMany ? { id: purge.id, soft: false } : purge;
      recent.push({ purge: queued, at: clock.now() });
      if (recent.length > MAX_RECENT) recent.shift();
      unconfirmed.set(queued.id, { purge: queued, sent: false });
    },
    apply(epoch, received, { first }) {
      const missed = !first && received.length < epoch - purgeLog.epoch;
      if (first || missed) {
        floor = epoch - received.length;
        purgeLog = createPurgeLog(MAX_REMEMBERED, floor);
      }
      for (const purge of received) {
        // An unreadable purge may have covered anything, so no older shared value may be used.
        purgeLog.add(purge === undefined ? {} : scopeOf(purge));
        if (purge === undefined) continue;
        unconfirmed.delete(purge.id);
        const own = recent.some(({ purge: { id } }) => id === purge.id);
        if (isNew(purge) && !first && !own) handlers.onPurge({ ...scopeOf(purge), soft: purge.soft });
      }
      if (missed || (!first && received.includes(undefined))) handlers.onGap();
      // A purge that was sent but not received back was lost.
      for (const waiting of unconfirmed.values()) waiting.sent = false;
    },
    resendRecent() {
      const since = clock.now() - RECENT_MS;
      for (const { purge, at } of recent) if (at >= since) unconfirmed.set(purge.id, { purge, sent: false });
    },
  };
}
