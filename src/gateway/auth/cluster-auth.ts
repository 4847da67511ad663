import type { News } from '../../cluster/outbox.ts';
import { deriveKey } from '../../lib/sealed-box.ts';
import type { NonceStore, SharedNonces } from './digest-auth.ts';
import type { Tokens, TokensOptions } from './token-service.ts';

/** The authentication state that gateways share, so that a caller may switch gateways between two requests. */
export interface SharedAccess {
  readonly nonces: SharedNonces;
  readonly tokens: TokensOptions;
  /** Applies a message from another gateway. */
  apply(news: string, stores: { nonceStore: NonceStore; tokens: Tokens }): void;
}

const USED = /^used ([\w-]{1,64}) ([\w-]{32}) (\d{1,10})$/;
const ENDED = /^ended ([\w-]{1,64})$/;
const REVOKED = /^revoked ([\w-]{1,64})$/;

/**
 * Nonces and tokens are signed with keys derived from the encryption key, so that each gateway accepts those of all others. Used counts and
 * revocations are broadcast. A revocation is stored until the token would have expired. If a key has too many used counts to broadcast, the
 * other gateways expire all its nonces instead.
 */
export function createSharedAccess(
  { encryptionKey, otherKey }: { encryptionKey: string; otherKey: string | undefined },
  { broadcast }: { broadcast: (news: News) => void },
): SharedAccess {
  const keysFor = (purpose: string) =>
    [encryptionKey, ...(otherKey === undefined ? [] : [otherKey])].map((key) => deriveKey(key, purpose));
  const [signingKey = Buffer.alloc(0), otherSigningKey] = keysFor('tokens');
  return {
    nonces: {
      keys: keysFor('nonces'),
      onUse: (keyId, nonce, count) =>
        broadcast({
          type: 'passing',
          text: `used ${keyId} ${nonce} ${count}`,
          subject: keyId,
          summary: `ended ${keyId}`,
        }),
    },
    tokens: {
      signingKey,
      otherKey: otherSigningKey,
      onRevoke: (tokenId, expiresAt) =>
        broadcast({ type: 'lasting', text: `revoked ${tokenId}`, until: expiresAt }),
    },
    apply(news, { nonceStore, tokens }) {
      const [, usedBy = '', nonce = '', count] = USED.exec(news) ?? [];
      if (nonce !== '') nonceStore.markUsed(usedBy, nonce, Number(count));
      const [, endedFor = ''] = ENDED.exec(news) ?? [];
      if (endedFor !== '') nonceStore.expireOlder(endedFor);
      const [, tokenId = ''] = REVOKED.exec(news) ?? [];
      if (tokenId !== '') tokens.applyRevocation(tokenId);
    },
  };
}
