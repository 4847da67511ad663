import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { createTokenBucket, type TokenBucket } from '../lib/token-bucket.ts';
import { type Answer, errorAnswer, jsonAnswer, type SimulatedRequest } from './answer.ts';
import { type CredentialStore, readAuthorization, type ServiceAccount } from './credentials.ts';

export interface OAuthOptions {
  /** Seconds a token lives; Atlas says 3600. */
  readonly tokenLifeSeconds: number;
  /** Tokens a service account may have at a time; Atlas says 100. */
  readonly maxLiveTokens: number;
  /** Token requests a service account may make in a minute; Atlas says between 10 and 50. */
  readonly tokenRequestsPerMinute: number;
}

/** The token endpoint of Atlas, and the tokens it gave out. */
export interface OAuth {
  /** `POST /api/oauth/token` (RFC 6749 section 4.4). */
  mint(request: SimulatedRequest): Answer;
  /** `POST /api/oauth/revoke` (RFC 7009). */
  revoke(request: SimulatedRequest): Answer;
  /** Whose a token is, while it lives. */
  owner(token: string): ServiceAccount | undefined;
  /** Ends every token there is, as if all of them had been revoked elsewhere. */
  killTokens(): void;
  liveTokens(): number;
}

interface Token {
  readonly clientId: string;
  readonly endsAt: number;
}

const MAX_BUCKETS = 1_000;

const invalidClient = () =>
  jsonAnswer(401, { error: 'invalid_client', error_description: 'Invalid credentials provided.' });

export function createOAuth(
  { tokenLifeSeconds, maxLiveTokens, tokenRequestsPerMinute }: OAuthOptions,
  { credentials, clock, random }: { credentials: CredentialStore; clock: Clock; random: Random },
): OAuth {
  const tokens = new Map<string, Token>();
  const buckets = new Map<string, TokenBucket>();

  /** The service account whose id and secret came as Basic, byte for byte: Atlas takes no percent-encoded pair, whatever RFC 6749 says. */
  function client(request: SimulatedRequest): ServiceAccount | undefined {
    const { scheme, rest } = readAuthorization(request);
    if (scheme !== 'basic') return undefined;
    const pair = Buffer.from(rest, 'base64').toString('utf8');
    const colon = pair.indexOf(':');
    const account = colon < 0 ? undefined : credentials.serviceAccount(pair.slice(0, colon));
    return account?.clientSecret === pair.slice(colon + 1) ? account : undefined;
  }

  /** Milliseconds until this client may ask again; 0 where it may now. */
  function waitMs(clientId: string): number {
    const limit = { capacity: tokenRequestsPerMinute, perMinute: tokenRequestsPerMinute };
    const bucket = buckets.get(clientId) ?? createTokenBucket(limit, clock);
    if (buckets.size < MAX_BUCKETS) buckets.set(clientId, bucket);
    return bucket.take();
  }

  function forgetEnded() {
    for (const [value, token] of tokens) if (token.endsAt <= clock.now()) tokens.delete(value);
  }

  const tokensOf = (clientId: string) =>
    [...tokens.values()].filter((token) => token.clientId === clientId).length;

  return {
    mint(request) {
      const account = client(request);
      if (account === undefined) return invalidClient();
      const wait = waitMs(account.clientId);
      if (wait > 0) {
        return errorAnswer(
          { status: 429, errorCode: 'RATE_LIMITED', detail: 'Too many token requests.' },
          // That the token endpoint says when to come back is [inferred].
          { 'Retry-After': String(Math.ceil(wait / 1_000)) },
        );
      }
      if (new URLSearchParams(request.body).get('grant_type') !== 'client_credentials')
        return jsonAnswer(400, { error: 'unsupported_grant_type' });
      forgetEnded();
      if (tokensOf(account.clientId) >= maxLiveTokens) {
        return jsonAnswer(403, {
          error: 'access_denied',
          error_description: `This service account has ${maxLiveTokens} active tokens.`,
        });
      }
      const value = random.bytes(48).toString('base64url');
      tokens.set(value, { clientId: account.clientId, endsAt: clock.now() + tokenLifeSeconds * 1_000 });
      return jsonAnswer(200, { access_token: value, expires_in: tokenLifeSeconds, token_type: 'Bearer' });
    },
    revoke(request) {
      const account = client(request);
      if (account === undefined) return invalidClient();
      const value = new URLSearchParams(request.body).get('token') ?? '';
      // RFC 7009 section 2.2: a token that is none is as good as revoked.
      if (tokens.get(value)?.clientId === account.clientId) tokens.delete(value);
      return { status: 200, headers: {}, body: Buffer.alloc(0) };
    },
    owner(value) {
      const token = tokens.get(value);
      return token === undefined || token.endsAt <= clock.now()
        ? undefined
        : credentials.serviceAccount(token.clientId);
    },
    killTokens: () => tokens.clear(),
    liveTokens() {
      forgetEnded();
      return tokens.size;
    },
  };
}
