import type { News } from '../../cluster/outbox.ts';
import { deriveKey } from '../../lib/sealed-box.ts';
import type { NonceStore, SharedNonces } from './digest-auth.ts';
import type { Tokens, TokensOptions } from './token-service.ts';

/** What gateways must have in common so that a caller may go from one to the other between two requests. */
export interface SharedAccess {
  readonly nonces: SharedNonces;
  readonly tokens: TokensOptions;
  /** Something another gateway told. */
  apply(news: string, parts: { nonceStore: NonceStore; tokens: Tokens }): void;
}

const USED = /^used ([\w-]{1,64}) ([\w-]{32}) (\d{1,10})$/;
const ENDED = /^ended ([\w-]{1,64})$/;
const REVOKED = /^revoked ([\w-]{1,64})$/;

/**
 * Nonces and tokens are signed with keys made of the encryption key, so that each gateway takes those of all. Used counts and revoked tokens
 * are broadcast. A revoked token lasts until it would have expired; of a key with too many used counts the others end all nonces instead.
 */
export function createSharedAccess(
  { encryptionKey, otherKey }: { encryptionKey: string; otherKey: string | undefined },
  { broadcast }: { broadcast: (news: News) => void },
): SharedAccess {
  const keysFor = (priority: string) =>
    [encryptionKey, ...(otherKey === undefined ? [] : [otherKey])].map((key) => deriveKey(key, priority));
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
      onRevoke: (tokenId, endsAt) =>
        broadcast({ type: 'lasting', text: `revoked ${tokenId}`, until: endsAt }),
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
