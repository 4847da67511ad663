import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';

/** People who signed in to the admin listener with a browser. What the browser holds is a random id, never the token. */
export interface Sessions {
  /** Whether this is the admin token; compared in constant time. */
  isToken(presented: string): boolean;
  /** Begins a session and tells its id. */
  open(): string;
  /** Whether a session of this id is under way. */
  holds(id: string): boolean;
  close(id: string): void;
}

/** How long somebody stays signed in: a day's work. */
export const SESSION_MS = 8 * 3_600_000;
/** Past it whoever signed in first has to sign in again. */
const MAX_SESSIONS = 100;
const ID_BYTES = 32;
/** The configuration takes no shorter one; this holds whatever it takes. */
const MIN_TOKEN_LENGTH = 16;
/** The digest of nothing: no token has it. */
const NO_TOKEN = Buffer.alloc(32);

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Sessions end after eight hours, with the process, and when the token becomes another one. Kept by the digest of their id. */
export function createSessions(
  { token }: { token: () => string | undefined },
  { clock, random }: { clock: Clock; random: Random },
): Sessions {
  const sessions = new Map<string, { readonly until: number; readonly openedWith: Buffer }>();
  const keyOf = (id: string) => digest(id).toString('base64');

  /** The digest of the token in force. One too short to be a secret opens nothing, however it came here. */
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
      const [oldest] = sessions.keys();
      if (sessions.size >= MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest);
      sessions.set(keyOf(id), { until: clock.now() + SESSION_MS, openedWith: tokenDigest() ?? NO_TOKEN });
      return id;
    },
    holds(id) {
      const session = sessions.get(keyOf(id));
      if (session === undefined) return false;
      if (clock.now() < session.until && isCurrent(session.openedWith)) return true;
      sessions.delete(keyOf(id));
      return false;
    },
    close: (id) => void sessions.delete(keyOf(id)),
  };
}
