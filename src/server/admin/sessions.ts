import { createHash, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../lib/clock.ts';
import { expireAfter } from '../../lib/lru-expiry.ts';
import type { Random } from '../../lib/random.ts';

/** Browser sessions of the admin listener. The cookie contains a random id, never the token. */
export interface Sessions {
  /** Whether this is the admin token; compared in constant time. */
  isToken(presented: string): boolean;
  /** Opens a session and returns its id. */
  open(): string;
  /** Whether a session with this id is open. */
  holds(id: string): boolean;
  close(id: string): void;
}

/** Lifetime of a session: a working day. */
export const SESSION_MS = 8 * 3_600_000;
/** Over this limit the least recently used session is closed. */
const MAX_SESSIONS = 100;
const ID_BYTES = 32;
/** The configuration enforces the same minimum; this check does not depend on it. */
const MIN_TOKEN_LENGTH = 16;
/** A value that no token's digest equals. */
const NO_TOKEN = Buffer.alloc(32);

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Sessions expire after eight hours, with the process, and when the token changes. They are stored by the digest of their id. */
export function createSessions(
  { token }: { token: () => string | undefined },
  { clock, random }: { clock: Clock; random: Random },
): Sessions {
  /** The digest of the token with which each session was opened. */
  const sessions = new LRUCache<string, Buffer>({ max: MAX_SESSIONS, ...expireAfter(SESSION_MS, clock) });
  const keyOf = (id: string) => digest(id).toString('base64');

  /** The digest of the token in force; undefined if the token is too short to be a secret. */
  function tokenDigest(): Buffer | undefined {
    const current = token();
    return current === undefined || current.length < MIN_TOKEN_LENGTH ? undefined : digest(current);
  }

  function isCurrent(given: Buffer): boolean {
    const current = tokenDigest();
    return current !== undefined && timingSafeEqual(given, current);
  }

  return {
    isToken: (presented) => isCurrent(digest(presented)),
    open() {
      const id = random.bytes(ID_BYTES).toString('base64url');
      sessions.set(keyOf(id), tokenDigest() ?? NO_TOKEN);
      return id;
    },
    holds(id) {
      const openedWith = sessions.get(keyOf(id));
      if (openedWith === undefined) return false;
      if (isCurrent(openedWith)) return true;
      sessions.delete(keyOf(id));
      return false;
    },
    close: (id) => void sessions.delete(keyOf(id)),
  };
}
