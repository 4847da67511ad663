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

const USED = /^used ([\w-]{32}) (\d{1,10})$/;
const REVOKED = /^revoked ([\w-]{1,64})$/;

/**
 * Nonces and tokens are signed with keys made of the encryption key, so that each gateway takes those of all. Used counts and revoked tokens
 * are told; a revoked token for as long as it would have lasted, to those who come later as well.
 */
export function createSharedAccess(
  { encryptionKey, otherKey }: { encryptionKey: string; otherKey: string | undefined },
  { tell }: { tell: (news: string, until?: number) => void },
): SharedAccess {
  const keysFor = (purpose: string) =>
    [encryptionKey, ...(otherKey === undefined ? [] : [otherKey])].map((key) => deriveKey(key, purpose));
  const [signingKey = Buffer.alloc(0), otherSigningKey] = keysFor('tokens');
  return {
    nonces: {
      keys: keysFor('nonces'),
      onUse: (nonce, count) => tell(`used ${nonce} ${count}`),
    },
    tokens: {
      signingKey,
      otherKey: otherSigningKey,
      onRevoke: (tokenId, endsAt) => tell(`revoked ${tokenId}`, endsAt),
    },
    hear(news, { book, tokens }) {
      const [, nonce = '', count] = USED.exec(news) ?? [];
      if (nonce !== '') book.learn(nonce, Number(count));
      const [, tokenId = ''] = REVOKED.exec(news) ?? [];
      if (tokenId !== '') tokens.learnRevoked(tokenId);
    },
  };
}
