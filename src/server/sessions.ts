import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';

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

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Sessions end after eight hours, with the process, and when the token becomes another one. Kept by the digest of their id. */
export function createSessions(
  { token }: { token: () => string },
  { clock, random }: { clock: Clock; random: Random },
): Sessions {
  const sessions = new Map<string, { readonly until: number; readonly openedWith: Buffer }>();
  const keyOf = (id: string) => digest(id).toString('base64');
  return {
    isToken: (presented) => timingSafeEqual(digest(presented), digest(token())),
    open() {
      const id = random.bytes(ID_BYTES).toString('base64url');
      const [oldest] = sessions.keys();
      if (sessions.size >= MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest);
      sessions.set(keyOf(id), { until: clock.now() + SESSION_MS, openedWith: digest(token()) });
      return id;
    },
    holds(id) {
      const session = sessions.get(keyOf(id));
      if (session === undefined) return false;
      if (clock.now() < session.until && timingSafeEqual(session.openedWith, digest(token()))) return true;
      sessions.delete(keyOf(id));
      return false;
    },
    close: (id) => void sessions.delete(keyOf(id)),
  };
}
