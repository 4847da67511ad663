import { createHmac, timingSafeEqual } from 'node:crypto';
import { credentialsOf, parseAuthParams } from '../../lib/auth-params.ts';
import type { Clock } from '../../lib/clock.ts';
import { compactText } from '../../lib/compact-buffer.ts';
import { type DigestAlgorithm, digestResponse, hashA1 } from '../../lib/http-digest.ts';
import type { Random } from '../../lib/random.ts';
import type { AuthResult, AuthScheme, CallerKey, CallerKeys } from './key-auth.ts';

/** Atlas's own realm: clients compute HA1 with the realm of the challenge, and HA1 files are generated for it. */
export const DIGEST_REALM = 'MMS Public API';

/** HA1 of a caller key, in hex. */
export const keyHa1 = (algorithm: DigestAlgorithm, id: string, secret: string): string =>
  hashA1(algorithm, { user: id, realm: DIGEST_REALM, password: secret });

export interface DigestKeys {
  readonly scheme: AuthScheme;
  /** `WWW-Authenticate` values, one per supported algorithm; MD5 first, because clients that support only one challenge use the first. */
  challenges(stale: boolean): readonly string[];
}

/** Nonces and the counts that each key used with them, separate from the keys so that they survive a reload of keys. */
export interface NonceStore {
  issue(): string;
  /** `forged`: not issued here. `ended`: issued here, but expired, or the counts that this key used with it were evicted. */
  check(keyId: string, nonce: string): 'good' | 'ended' | 'forged';
  /** Marks a count as used by a key; returns false if it was used before. */
  use(keyId: string, nonce: string, count: number): boolean;
  /** Marks a count that was used at another gateway. */
  markUsed(keyId: string, nonce: string, count: number): void;
  /** Expires all existing nonces, of one key or of all: their counts may have been used at another gateway without this one knowing. */
  expireOlder(keyId?: string): void;
}

/** Shared by gateways that accept each other's nonces. `keys` verify nonces, the first one signs them; `onUse` reports used counts. */
export interface SharedNonces {
  readonly keys: readonly Buffer[];
  readonly onUse: (keyId: string, nonce: string, count: number) => void;
}

/** The nonces that one key has used. */
interface UsedNonces {
  readonly counts: Map<string, Set<number>>;
  /** Number of counts over all nonces. */
  total: number;
  /** Nonces issued before this moment are expired for the key. */
  oldestGood: number;
}

const NONCE_LIFETIME_MS = 300_000;
/** Per key, so that no caller can expire the nonces of another. */
const MAX_NONCES = 10_000;
const MAX_TOTAL_COUNTS = 100_000;
/** Per nonce and key. */
const MAX_COUNTS = 5_000;
const HEX = { MD5: /^[a-f0-9]{32}$/, 'SHA-256': /^[a-f0-9]{64}$/ } as const;
const NO_HA1 = { MD5: '0'.repeat(32), 'SHA-256': '0'.repeat(64) } as const;

/**
 * Nonces are stateless until they are used: timestamp, random bytes and a signature over both, 32 characters like Atlas's. Counts are
 * stored only for nonces that came with a correct response, so unauthenticated clients cannot fill the store. Each key has its own limits;
 * beyond them, its oldest nonces expire early.
 */
export function createNonceStore({
  clock,
  random,
  shared,
}: {
  clock: Clock;
  random: Random;
  shared?: SharedNonces | undefined;
}): NonceStore {
  const keys = shared?.keys ?? [random.bytes(32)];
  // The wall clock is the only clock that gateways share.
  const now = () => (shared === undefined ? clock.now() : clock.wall());
  const byKey = new Map<string, UsedNonces>();
  let oldestGood = now();
  let sweptAt = now();
  const sign = (head: Buffer, key = keys[0] ?? '') =>
    createHmac('sha256', key).update(head).digest().subarray(0, 12);
  const isSigned = (bytes: Buffer) =>
    keys.some((key) => timingSafeEqual(sign(bytes.subarray(0, 12), key), bytes.subarray(12)));
  const issuedAt = (bytes: Buffer) => bytes.readUIntBE(0, 6);

  function usedBy(keyId: string): UsedNonces {
    const used = byKey.get(keyId) ?? { counts: new Map(), total: 0, oldestGood: 0 };
    byKey.set(keyId, used);
    return used;
  }

  function dropOldest(used: UsedNonces): void {
    for (const [nonce, counts] of used.counts) {
      const at = issuedAt(Buffer.from(nonce, 'base64url'));
      const isFull = used.counts.size > MAX_NONCES || used.total > MAX_TOTAL_COUNTS;
      if (!isFull && now() - at < NONCE_LIFETIME_MS) return;
      used.counts.delete(nonce);
      used.total -= counts.size;
      // A nonce whose counts were evicted must not become valid again, so all nonces of its age or older expire.
      used.oldestGood = Math.max(used.oldestGood, at + 1);
    }
  }

  /** Removes keys that were not used for the lifetime of a nonce; runs once per lifetime. */
  function sweep(): void {
    if (now() - sweptAt < NONCE_LIFETIME_MS) return;
    sweptAt = now();
    for (const [keyId, used] of byKey) {
      dropOldest(used);
      if (used.counts.size === 0 && now() - used.oldestGood >= NONCE_LIFETIME_MS) byKey.delete(keyId);
    }
  }

  function mark(keyId: string, nonce: string, count: number): boolean {
    sweep();
    const used = usedBy(keyId);
    const counts = used.counts.get(nonce) ?? new Set();
    if (counts.has(count)) return false;
    counts.add(count);
    used.counts.set(compactText(nonce), counts);
    used.total++;
    dropOldest(used);
    return true;
  }

  return {
    issue() {
      const head = Buffer.concat([Buffer.alloc(6), random.bytes(6)]);
      head.writeUIntBE(Math.floor(now()), 0, 6);
      return Buffer.concat([head, sign(head)]).toString('base64url');
    },
    check(keyId, nonce) {
      const bytes = Buffer.from(nonce, 'base64url');
      // Only the canonical spelling is valid, because counts are stored by the text of a nonce.
      if (bytes.length !== 24 || bytes.toString('base64url') !== nonce || !isSigned(bytes)) return 'forged';
      const at = issuedAt(bytes);
      const used = byKey.get(keyId);
      const isFull = (used?.counts.get(nonce)?.size ?? 0) >= MAX_COUNTS;
      const expiredEarly = at < Math.floor(Math.max(oldestGood, used?.oldestGood ?? 0));
      return now() - at >= NONCE_LIFETIME_MS || expiredEarly || isFull ? 'ended' : 'good';
    },
    use(keyId, nonce, count) {
      if (!mark(keyId, nonce, count)) return false;
      shared?.onUse(keyId, nonce, count);
      return true;
    },
    markUsed: (keyId, nonce, count) => void mark(keyId, nonce, count),
    expireOlder(keyId) {
      if (keyId === undefined) oldestGood = Math.max(oldestGood, now());
      else usedBy(keyId).oldestGood = Math.max(usedBy(keyId).oldestGood, now());
    },
  };
}

const same = (a: string, b: string) =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/**
 * Authenticates caller keys by HTTP Digest (RFC 7616, `qop=auth`), with the id as user name and the secret as password. Clients sign the
 * target as they sent it, which begins with `basePath` if a proxy serves the gateway under that path.
 */
export function createDigestKeys(
  entries: readonly CallerKeys[],
  { nonceStore, clock, basePath }: { nonceStore: NonceStore; clock: Clock; basePath: string },
): DigestKeys {
  const byId = new Map(
    entries.flatMap(({ caller, keys }) => keys.map((key) => [key.id, { caller, key }] as const)),
  );
  const unauthenticated = (
    reason: Extract<AuthResult, { type: 'unauthenticated' }>['reason'],
    stale = false,
  ): AuthResult => ({ type: 'unauthenticated', reason, stale });
  const secretOf = (key: CallerKey | undefined, algorithm: DigestAlgorithm) =>
    algorithm === 'MD5' ? key?.ha1?.md5 : key?.ha1?.sha256;

  return {
    scheme(authorization, { method, target }) {
      const credentials = credentialsOf('digest', authorization);
      if (credentials === undefined) return undefined;
      const parameters = parseAuthParams(credentials);
      const get = (name: string) => parameters?.get(name) ?? '';
      const algorithm = get('algorithm').toUpperCase() === 'SHA-256' ? 'SHA-256' : 'MD5';
      const [nonce, nc, response, uri] = [get('nonce'), get('nc'), get('response'), get('uri')];
      if (
        get('realm') !== DIGEST_REALM ||
        get('qop') !== 'auth' ||
        (uri !== target && uri !== basePath + target) ||
        !/^[a-f0-9]{8}$/i.test(nc) ||
        !HEX[algorithm].test(response)
      ) {
        return unauthenticated('malformed');
      }
      const known = byId.get(get('username'));
      const ha1 = secretOf(known?.key, algorithm) ?? NO_HA1[algorithm];
      const expected = digestResponse(algorithm, {
        ha1,
        nonce,
        nc,
        cnonce: get('cnonce'),
        method,
        uri,
      });
      const correct = same(response, expected);
      if (known === undefined || secretOf(known.key, algorithm) === undefined)
        return unauthenticated('unknown-key');
      if (!correct) return unauthenticated('wrong-secret');
      if (known.key.expiresAt !== undefined && clock.wall() >= known.key.expiresAt)
        return unauthenticated('expired');
      switch (nonceStore.check(known.key.id, nonce)) {
        case 'forged':
          return unauthenticated('unknown-nonce');
        case 'ended':
          return unauthenticated('ended-nonce', true);
        case 'good':
          return nonceStore.use(known.key.id, nonce, Number.parseInt(nc, 16))
            ? { type: 'caller', caller: known.caller }
            : unauthenticated('replayed');
      }
    },
    challenges: (stale) =>
      (['MD5', 'SHA-256'] as const).map(
        (algorithm) =>
          `Digest realm="${DIGEST_REALM}", domain="", nonce="${nonceStore.issue()}", algorithm=${algorithm}, qop="auth", stale=${stale}`,
      ),
  };
}
