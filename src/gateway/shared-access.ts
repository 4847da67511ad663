import type { News } from '../cache/shared-outbox.ts';
import { deriveKey } from '../cache/shared-seal.ts';
import type { NonceBook, SharedNonces } from './digest-keys.ts';
import type { Tokens, TokensOptions } from './tokens.ts';

/** What gateways must have in common so that a caller may go from one to the other between two requests. */
export interface SharedAccess {
  readonly nonces: SharedNonces;
  readonly tokens: TokensOptions;
  /** Something another gateway told. */
  hear(news: string, parts: { book: NonceBook; tokens: Tokens }): void;
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
  { tell }: { tell: (news: News) => void },
): SharedAccess {
  const keysFor = (purpose: string) =>
    [encryptionKey, ...(otherKey === undefined ? [] : [otherKey])].map((key) => deriveKey(key, purpose));
  const [signingKey = Buffer.alloc(0), otherSigningKey] = keysFor('tokens');
  return {
    nonces: {
      keys: keysFor('nonces'),
      onUse: (keyId, nonce, count) =>
        tell({
          type: 'passing',
          text: `used ${keyId} ${nonce} ${count}`,
          subject: keyId,
          summary: `ended ${keyId}`,
        }),
    },
    tokens: {
      signingKey,
      otherKey: otherSigningKey,
      onRevoke: (tokenId, endsAt) => tell({ type: 'lasting', text: `revoked ${tokenId}`, until: endsAt }),
    },
    hear(news, { book, tokens }) {
      const [, usedBy = '', nonce = '', count] = USED.exec(news) ?? [];
      if (nonce !== '') book.learn(usedBy, nonce, Number(count));
      const [, endedFor = ''] = ENDED.exec(news) ?? [];
      if (endedFor !== '') book.endEarlier(endedFor);
      const [, tokenId = ''] = REVOKED.exec(news) ?? [];
      if (tokenId !== '') tokens.learnRevoked(tokenId);
    },
  };
}
