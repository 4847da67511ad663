import { createHash } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { SAMPLE_CREDENTIALS } from './world.ts';

const TOKEN_LIFE_SECONDS = 3_600;
const MAX_LIVE_TOKENS = 100;
const MAX_NONCES = 10_000;

/** A response of the token endpoints. */
export interface TokenResponse {
  readonly status: number;
  readonly body: string;
}

/** The result of authenticating a request. */
export type Admission = 'admitted' | 'no-credentials' | 'bad-token' | 'bad-digest' | 'stale-nonce';

/** Authenticates service account tokens and digest keys as Atlas does. */
export interface Access {
  token(authorization: string | undefined, form: string): TokenResponse;
  revoke(authorization: string | undefined, form: string): TokenResponse;
  admit(authorization: string | undefined, method: string, uri: string): Admission;
  challenge(stale: boolean): string;
  /** Adds or removes a secret of the service account: Atlas accepts two secrets during a rotation. */
  acceptSecret(secret: string): void;
  refuseSecret(secret: string): void;
  /** Invalidates every token issued so far. */
  killTokens(): void;
  /** Makes every nonce issued so far stale. */
  killNonces(): void;
}

const oauthError = (status: number, error: string, description: string): TokenResponse => ({
  status,
  body: JSON.stringify({ error, error_description: description }),
});

const hash = (algorithm: 'md5' | 'sha256', text: string) => createHash(algorithm).update(text).digest('hex');

export function createAccess(
  options: { nonceLifeMs: number; algorithm: 'MD5' | 'SHA-256' },
  { clock, random }: { clock: Clock; random: Random },
): Access {
  const { serviceAccount, apiKey } = SAMPLE_CREDENTIALS;
  const tokens = new Map<string, number>();
  const nonces = new Map<string, { expiresAt: number; seen: Set<string> }>();
  const secrets = new Set<string>([serviceAccount.clientSecret]);
  const basicOf = (secret: string) =>
    `Basic ${Buffer.from(`${serviceAccount.clientId}:${secret}`).toString('base64')}`;
  const knowsClient = (authorization: string | undefined) =>
    [...secrets].some((secret) => authorization === basicOf(secret));

  function admitDigest(header: string, method: string, uri: string): Admission {
    const parameters = new Map(
      [...header.matchAll(/(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)].map(
        ([, name = '', quoted, plain]) => [name, quoted ?? plain ?? ''],
      ),
    );
    const get = (name: string) => parameters.get(name) ?? '';
    const algorithm = options.algorithm === 'MD5' ? 'md5' : 'sha256';
    const nonce = nonces.get(get('nonce'));
    if (get('username') !== apiKey.publicKey || get('uri') !== uri || get('qop') !== 'auth')
      return 'bad-digest';
    const secret = hash(algorithm, `${get('username')}:${get('realm')}:${apiKey.privateKey}`);
    const request = hash(algorithm, `${method}:${uri}`);
    const expected = hash(
      algorithm,
      `${secret}:${get('nonce')}:${get('nc')}:${get('cnonce')}:auth:${request}`,
    );
    if (get('response') !== expected) return 'bad-digest';
    if (nonce === undefined || clock.now() >= nonce.expiresAt) return 'stale-nonce';
    if (nonce.seen.has(get('nc'))) return 'bad-digest';
    nonce.seen.add(get('nc'));
    return 'admitted';
  }

  return {
    token(authorization, form) {
      if (!knowsClient(authorization))
        return oauthError(401, 'invalid_client', 'Invalid credentials provided.');
      if (new URLSearchParams(form).get('grant_type') !== 'client_credentials')
        return oauthError(400, 'unsupported_grant_type', 'Only client_credentials is supported.');
      for (const [token, expiresAt] of tokens) if (expiresAt <= clock.now()) tokens.delete(token);
      if (tokens.size >= MAX_LIVE_TOKENS) return oauthError(403, 'access_denied', 'Too many live tokens.');
      const token = random.bytes(32).toString('base64url');
      tokens.set(token, clock.now() + TOKEN_LIFE_SECONDS * 1_000);
      return {
        status: 200,
        body: JSON.stringify({ access_token: token, expires_in: TOKEN_LIFE_SECONDS, token_type: 'Bearer' }),
      };
    },
    revoke(authorization, form) {
      if (!knowsClient(authorization))
        return oauthError(401, 'invalid_client', 'Invalid credentials provided.');
      tokens.delete(new URLSearchParams(form).get('token') ?? '');
      return { status: 200, body: '' };
    },
    admit(authorization, method, uri) {
      if (authorization === undefined) return 'no-credentials';
      const [scheme = '', rest = ''] = authorization.split(/ (.*)/s);
      switch (scheme.toLowerCase()) {
        case 'bearer':
          return (tokens.get(rest) ?? 0) > clock.now() ? 'admitted' : 'bad-token';
        case 'digest':
          return admitDigest(rest, method, uri);
        default:
          return 'no-credentials';
      }
    },
    challenge(stale) {
      const nonce = random.bytes(24).toString('base64');
      for (const [oldest] of nonces) {
        if (nonces.size < MAX_NONCES) break;
        nonces.delete(oldest);
      }
      nonces.set(nonce, { expiresAt: clock.now() + options.nonceLifeMs, seen: new Set() });
      return `Digest realm="MMS Public API", domain="", nonce="${nonce}", algorithm=${options.algorithm}, qop="auth", stale=${stale}`;
    },
    acceptSecret: (secret) => void secrets.add(secret),
    refuseSecret: (secret) => void secrets.delete(secret),
    killTokens: () => tokens.clear(),
    killNonces: () => nonces.clear(),
  };
}
