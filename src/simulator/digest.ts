import { createHash } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { SimulatedRequest } from './answer.ts';
import type { ApiKey, CredentialStore } from './credentials.ts';

export type DigestAlgorithm = 'MD5' | 'SHA-256';

export interface DigestOptions {
  /** Atlas's own is `MMS Public API`; others test how clients quote. */
  readonly realm: string;
  /** One challenge for each, in this order; Atlas sends MD5 alone. */
  readonly algorithms: readonly [DigestAlgorithm, ...DigestAlgorithm[]];
  /** The `qop` of the challenge; `auth` has to be among them, and is the only one verified. */
  readonly qop: string;
  /** Milliseconds a nonce is good for. Atlas says no more than "a short time". */
  readonly nonceLifeMs: number;
}

/** What a request's `Authorization: Digest` proves. `stale`: the key is right, the nonce has ended. */
export type DigestVerdict =
  | { readonly type: 'accepted'; readonly apiKey: ApiKey }
  | { readonly type: 'stale' }
  | { readonly type: 'refused' };

/** The server's side of HTTP digest (RFC 7616, `qop=auth`). */
export interface Digest {
  verify(request: SimulatedRequest, credentialText: string): DigestVerdict;
  /** New `WWW-Authenticate` values, all with one new nonce of 32 characters. */
  challenges(stale: boolean): string[];
  /** Ends every nonce given out so far. */
  expireNonces(): void;
}

interface Nonce {
  readonly endsAt: number;
  readonly counts: Set<number>;
  highest: number;
}

const MAX_NONCES = 10_000;
/** Concurrent requests arrive out of order, but not by more than this many. */
const COUNT_WINDOW = 2_048;
const PARAMETER = /([a-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*))\s*(?:,\s*|$)/giy;

/** The parameters of a Digest credential, names in lower case; undefined where it is malformed or names one twice. */
function readParameters(text: string): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  let end = 0;
  for (const [whole, name = '', quoted, token] of text.matchAll(PARAMETER)) {
    if (parameters.has(name.toLowerCase())) return undefined;
    parameters.set(name.toLowerCase(), quoted === undefined ? (token ?? '') : quoted.replace(/\\(.)/g, '$1'));
    end += whole.length;
  }
  return end === text.length ? parameters : undefined;
}

const hash = (algorithm: DigestAlgorithm, text: string) =>
  createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
    .update(text)
    .digest('hex');

export function createDigest(
  { realm, algorithms, qop, nonceLifeMs }: DigestOptions,
  { credentials, clock, random }: { credentials: CredentialStore; clock: Clock; random: Random },
): Digest {
  const nonces = new Map<string, Nonce>();
  const quotedRealm = `"${realm.replace(/["\\]/g, '\\$&')}"`;

  /** Whether the key signed this very request with this nonce, wherever the nonce comes from. */
  function signs(apiKey: ApiKey, request: SimulatedRequest, given: ReadonlyMap<string, string>): boolean {
    const algorithm = algorithms.find((known) => known === (given.get('algorithm') ?? 'MD5'));
    const cnonce = given.get('cnonce') ?? '';
    if (algorithm === undefined || cnonce === '' || given.get('qop') !== 'auth') return false;
    if (given.get('realm') !== realm || given.get('uri') !== request.target) return false;
    const ha1 = hash(algorithm, `${apiKey.publicKey}:${realm}:${apiKey.privateKey}`);
    const ha2 = hash(algorithm, `${request.method}:${request.target}`);
    const proof = `${ha1}:${given.get('nonce') ?? ''}:${given.get('nc') ?? ''}:${cnonce}:auth:${ha2}`;
    return given.get('response') === hash(algorithm, proof);
  }

  /** Takes a count of a nonce; false where it was taken before, or is too old to tell. */
  function take(nonce: Nonce, count: number): boolean {
    if (count < 1 || nonce.counts.has(count) || count <= nonce.highest - COUNT_WINDOW) return false;
    nonce.counts.add(count);
    nonce.highest = Math.max(nonce.highest, count);
    if (nonce.counts.size > 2 * COUNT_WINDOW)
      for (const old of nonce.counts) if (old <= nonce.highest - COUNT_WINDOW) nonce.counts.delete(old);
    return true;
  }

  return {
    verify(request, text) {
      const given = readParameters(text);
      const apiKey = credentials.apiKey(given?.get('username') ?? '');
      if (given === undefined || apiKey === undefined || !signs(apiKey, request, given))
        return { type: 'refused' };
      const count = /^[0-9a-f]{8}$/i.test(given.get('nc') ?? '')
        ? Number.parseInt(given.get('nc') ?? '', 16)
        : 0;
      const nonce = nonces.get(given.get('nonce') ?? '');
      if (nonce === undefined || nonce.endsAt <= clock.now()) return { type: 'stale' };
      return take(nonce, count) ? { type: 'accepted', apiKey } : { type: 'refused' };
    },
    challenges(stale) {
      const nonce = random.bytes(24).toString('base64');
      nonces.set(nonce, { endsAt: clock.now() + nonceLifeMs, counts: new Set(), highest: 0 });
      const [oldest] = nonces.keys();
      if (nonces.size > MAX_NONCES && oldest !== undefined) nonces.delete(oldest);
      return algorithms.map(
        (algorithm) =>
          `Digest realm=${quotedRealm}, domain="", nonce="${nonce}", algorithm=${algorithm}, qop="${qop}", stale=${stale}`,
      );
    },
    expireNonces: () => nonces.clear(),
  };
}
