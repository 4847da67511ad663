import { createPurgeLog, type PurgeScope } from '../cache/purge-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { LOG_ENTRIES } from './lua-scripts.ts';
import type { SharedPurge } from './wire-schemas.ts';

/** What a gateway does about the purges of others. */
export interface PurgeHandlers {
  onPurge(scope: PurgeScope & { soft: boolean }): void;
  /** Purges were missed or could not be read, and nobody knows which, or the counter was changed by somebody else. */
  onGap(): void;
}

/** An own purge that has not come back yet. */
interface Unconfirmed {
  readonly purge: SharedPurge;
  /** Whether the engine has it. */
  sent: boolean;
}

/** The purges of all gateways, in the engine's order, and those of this one that the others are still to hear of. */
export interface PurgeSync {
  /** How many there were so far. */
  readonly sequence: number;
  /** Whether one came after `sequence`. */
  isPurgedSince(project: string, operation: string, sequence: number): boolean;
  /** Takes up an own one. */
  add(scope: PurgeScope & { soft: boolean }): void;
  /** Own ones that have not come back. */
  readonly unconfirmed: ReadonlyMap<string, Unconfirmed>;
  /** Takes over what the engine has after what was known: the latest last, undefined what cannot be read. `first`: nothing was known. */
  learn(
    sequence: number,
    heard: readonly (SharedPurge | undefined)[],
    known: { readonly first: boolean },
  ): void;
  /** The engine may have lost them: own ones of the last minutes are told again. */
  tellAgain(): void;
}

/** How long own purges are told again to a tier that may have lost them. */
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
  let nonceStore = createPurgeLog(MAX_REMEMBERED);
  let floor = 0;
  const unconfirmed = new Map<string, Unconfirmed>();
  const recent: { purge: SharedPurge; at: number }[] = [];
  /** Ids of the latest purges: where the counter says that one came twice, it was not made twice. */
  const heardIds = new Set<string>();

  function isNew({ id }: SharedPurge): boolean {
    if (heardIds.has(id)) return false;
    heardIds.add(id);
    for (const oldest of heardIds) {
      if (heardIds.size <= LOG_ENTRIES) break;
      heardIds.delete(oldest);
    }
    return true;
  }

  return {
    get sequence() {
      return nonceStore.sequence;
    },
    isPurgedSince: (project, operation, sequence) =>
      sequence < floor || nonceStore.isPurgedSince(project, operation, sequence),
    unconfirmed,
    add({ soft, ...scope }) {
      const purge = { id: random.bytes(9).toString('base64url'), ...scopeOf(scope), soft };
      // More than can be remembered at once become one of everything.
      const tooMany = unconfirmed.size >= MAX_RECENT;
      if (tooMany) unconfirmed.clear();
      const said = tooMany ? { id: purge.id, soft: false } : purge;
      recent.push({ purge: said, at: clock.now() });
      if (recent.length > MAX_RECENT) recent.shift();
      unconfirmed.set(said.id, { purge: said, sent: false });
    },
    learn(sequence, heard, { first }) {
      const missed = !first && heard.length < sequence - nonceStore.sequence;
      if (first || missed) {
        floor = sequence - heard.length;
        nonceStore = createPurgeLog(MAX_REMEMBERED, floor);
      }
      for (const purge of heard) {
        // What cannot be read may have been about anything, so no shared value from before it is believed.
        nonceStore.add(purge === undefined ? {} : scopeOf(purge));
        if (purge === undefined) continue;
        unconfirmed.delete(purge.id);
        const own = recent.some(({ purge: { id } }) => id === purge.id);
        if (isNew(purge) && !first && !own) handlers.onPurge({ ...scopeOf(purge), soft: purge.soft });
      }
      if (missed || (!first && heard.includes(undefined))) handlers.onGap();
      // Sent, and yet not among those that came: it was lost.
      for (const waiting of unconfirmed.values()) waiting.sent = false;
    },
    tellAgain() {
      const since = clock.now() - RECENT_MS;
      for (const { purge, at } of recent) if (at >= since) unconfirmed.set(purge.id, { purge, sent: false });
    },
  };
}
