import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { credentialsOf, parseAuthParams } from '../lib/auth-params.ts';
import type { Clock } from '../lib/clock.ts';
import { exactText } from '../lib/exact-copy.ts';
import type { Random } from '../lib/random.ts';
import type { CallerEntry, CallerKey, Identified, Presentation } from './callers.ts';

/** The realm of the challenge is Atlas's own: clients compute HA1 with what the challenge names, and HA1 files are made for it. */
export const DIGEST_REALM = 'MMS Public API';

/** HA1 of a key (RFC 7616 section 3.4.2), `MD5(id:realm:secret)` or with SHA-256, in hex. */
export const hashA1 = (algorithm: DigestAlgorithm, id: string, secret: string): string =>
  hash(algorithm, `${id}:${DIGEST_REALM}:${secret}`);

export type DigestAlgorithm = 'MD5' | 'SHA-256';

export interface DigestKeys {
  readonly presentation: Presentation;
  /** `WWW-Authenticate` values, one a supported algorithm; MD5 first, because clients that know one challenge only take the first. */
  challenges(stale: boolean): readonly string[];
}

/** Nonces and the counts used with them, kept beside the keys so that a reload of keys does not forget them. */
export interface NonceBook {
  issue(): string;
  /** `forged`: not from here. `ended`: from here, but too old, or its counts were forgotten. */
  check(nonce: string): 'good' | 'ended' | 'forged';
  /** Marks a count as used; false where it was already. */
  use(nonce: string, count: number): boolean;
  /** The same for a count that was used at another gateway. */
  learn(nonce: string, count: number): void;
  /** Counts may have been used without being heard of here: nonces that are older than this moment end. */
  endEarlier(): void;
}

/** What gateways that take each other's nonces have in common: keys that sign them, the first for new ones, and who is told of used counts. */
export interface SharedNonces {
  readonly keys: readonly Buffer[];
  readonly onUse: (nonce: string, count: number) => void;
}

const NONCE_LIFE_MS = 300_000;
const MAX_NONCES = 10_000;
const MAX_COUNTS = 5_000;
const HEX = { MD5: /^[a-f0-9]{32}$/, 'SHA-256': /^[a-f0-9]{64}$/ } as const;
const NO_ANSWER = { MD5: '0'.repeat(32), 'SHA-256': '0'.repeat(64) } as const;

function hash(algorithm: DigestAlgorithm, text: string): string {
  return createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
    .update(text)
    .digest('hex');
}

/**
 * Nonces that need no memory until they are used well: time, chance and a signature over both, 32 characters as Atlas's are. Only a nonce
 * that a right answer came with has its counts remembered, so strangers cannot fill the book; when it is full the oldest end early.
 */
export function createNonceBook({
  clock,
  random,
  shared,
}: {
  clock: Clock;
  random: Random;
  shared?: SharedNonces | undefined;
}): NonceBook {
  const keys = shared?.keys ?? [random.bytes(32)];
  // Gateways have only the wall clock in common.
  const now = () => (shared === undefined ? clock.now() : clock.wall());
  const used = new Map<string, Set<number>>();
  let oldestGood = now();
  const sign = (head: Buffer, key = keys[0] ?? '') =>
    createHmac('sha256', key).update(head).digest().subarray(0, 12);
  const isSigned = (bytes: Buffer) =>
    keys.some((key) => timingSafeEqual(sign(bytes.subarray(0, 12), key), bytes.subarray(12)));
  const issuedAt = (bytes: Buffer) => bytes.readUIntBE(0, 6);

  function mark(nonce: string, count: number): boolean {
    const counts = used.get(nonce) ?? new Set();
    if (counts.has(count)) return false;
    counts.add(count);
    used.set(exactText(nonce), counts);
    for (const [oldest] of used) {
      const at = issuedAt(Buffer.from(oldest, 'base64url'));
      if (used.size <= MAX_NONCES && now() - at < NONCE_LIFE_MS) break;
      used.delete(oldest);
      // A nonce whose counts are forgotten must not be good again: none as old as it is.
      oldestGood = Math.max(oldestGood, at + 1);
    }
    return true;
  }

  return {
    issue() {
      const head = Buffer.concat([Buffer.alloc(6), random.bytes(6)]);
      head.writeUIntBE(Math.floor(now()), 0, 6);
      return Buffer.concat([head, sign(head)]).toString('base64url');
    },
    check(nonce) {
      const bytes = Buffer.from(nonce, 'base64url');
      // One spelling only: counts are kept by the text of a nonce.
      if (bytes.length !== 24 || bytes.toString('base64url') !== nonce || !isSigned(bytes)) return 'forged';
      const at = issuedAt(bytes);
      const full = (used.get(nonce)?.size ?? 0) >= MAX_COUNTS;
      return now() - at >= NONCE_LIFE_MS || at < Math.floor(oldestGood) || full ? 'ended' : 'good';
    },
    use(nonce, count) {
      if (!mark(nonce, count)) return false;
      shared?.onUse(nonce, count);
      return true;
    },
    learn: (nonce, count) => void mark(nonce, count),
    endEarlier() {
      oldestGood = Math.max(oldestGood, now());
    },
  };
}

const same = (a: string, b: string) =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** A caller key as an HTTP digest (RFC 7616, `qop=auth`), id as user and secret as password. */
export function createDigestKeys(entries: readonly CallerEntry[], book: NonceBook, clock: Clock): DigestKeys {
  const byId = new Map(
    entries.flatMap(({ caller, keys }) => keys.map((key) => [key.id, { caller, key }] as const)),
  );
  const stranger = (
    reason: Extract<Identified, { type: 'stranger' }>['reason'],
    stale = false,
  ): Identified => ({ type: 'stranger', reason, stale });
  const secretOf = (key: CallerKey | undefined, algorithm: DigestAlgorithm) =>
    algorithm === 'MD5' ? key?.ha1?.md5 : key?.ha1?.sha256;

  return {
    presentation(authorization, { method, target }) {
      const credentials = credentialsOf('digest', authorization);
      if (credentials === undefined) return undefined;
      const parameters = parseAuthParams(credentials);
      const get = (name: string) => parameters?.get(name) ?? '';
      const algorithm = get('algorithm').toUpperCase() === 'SHA-256' ? 'SHA-256' : 'MD5';
      const [nonce, nc, response] = [get('nonce'), get('nc'), get('response')];
      if (
        get('realm') !== DIGEST_REALM ||
        get('qop') !== 'auth' ||
        get('uri') !== target ||
        !/^[a-f0-9]{8}$/i.test(nc) ||
        !HEX[algorithm].test(response)
      ) {
        return stranger('malformed');
      }
      const known = byId.get(get('username'));
      const ha1 = secretOf(known?.key, algorithm) ?? NO_ANSWER[algorithm];
      const expected = hash(
        algorithm,
        `${ha1}:${nonce}:${nc}:${get('cnonce')}:auth:${hash(algorithm, `${method}:${target}`)}`,
      );
      const right = same(response, expected);
      if (known === undefined || secretOf(known.key, algorithm) === undefined) return stranger('unknown-key');
      if (!right) return stranger('wrong-secret');
      if (known.key.expiresAt !== undefined && clock.wall() >= known.key.expiresAt)
        return stranger('expired');
      switch (book.check(nonce)) {
        case 'forged':
          return stranger('unknown-nonce');
        case 'ended':
          return stranger('ended-nonce', true);
        case 'good':
          return book.use(nonce, Number.parseInt(nc, 16))
            ? { type: 'caller', caller: known.caller }
            : stranger('replayed');
      }
    },
    challenges: (stale) =>
      (['MD5', 'SHA-256'] as const).map(
        (algorithm) =>
          `Digest realm="${DIGEST_REALM}", domain="", nonce="${book.issue()}", algorithm=${algorithm}, qop="auth", stale=${stale}`,
      ),
  };
}
