import type { Clock } from '../../lib/clock.ts';

/** Ids of revoked tokens, each stored at least until its token has expired. */
export interface RevokedTokens {
  has(tokenId: string): boolean;
  /** `until`: wall-clock milliseconds. */
  add(tokenId: string, until: number): void;
}

/** Bounded by its users: each key may revoke a limited number of tokens within the lifetime of a token. */
export function createRevokedTokens(clock: Clock): RevokedTokens {
  const revoked = new Map<string, number>();
  return {
    has: (tokenId) => revoked.has(tokenId),
    add(tokenId, until) {
      for (const [oldest, oldestUntil] of revoked) {
        if (clock.wall() < oldestUntil) break;
        revoked.delete(oldest);
      }
      revoked.set(tokenId, until);
    },
  };
}
