import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { credentialsOf } from '../lib/auth-params.ts';
import type { Clock } from '../lib/clock.ts';
import { exactText } from '../lib/exact-copy.ts';
import type { Random } from '../lib/random.ts';
import { createTokenBucket } from '../lib/token-bucket.ts';
import type { CallerEntry, Identified, Presentation } from './callers.ts';

/** What the token endpoint answers, in OAuth's form (RFC 6749 section 5). */
export interface TokenAnswer {
  readonly status: 200 | 400 | 401 | 429;
  /** Absent: no body. */
  readonly body?: Readonly<Record<string, string | number>>;
  readonly retryAfterSeconds?: number;
  /** For the log. */
  readonly caller?: string;
  readonly reason?: string;
}

/** Tokens that keys are traded for, at the gateway's own token endpoint. */
export interface Tokens {
  trade(authorization: string | undefined, form: URLSearchParams): Promise<TokenAnswer>;
  revoke(authorization: string | undefined, form: URLSearchParams): Promise<TokenAnswer>;
  readonly presentation: Presentation;
  /** A token was revoked at another gateway. */
  learnRevoked(tokenId: string): void;
  /** From now on these keys count, and tokens of keys that are gone do not. */
  replaceKeys(entries: readonly CallerEntry[]): void;
}

const ISSUER = 'atlas-gateway';
const LIFE_SECONDS = 3_600;
const MAX_REVOKED = 100_000;
const MAX_REMEMBERED = 10_000;
/** How often a key may be tried; all unknown ids share one such allowance. */
const TRIES = { capacity: 60, perMinute: 60 };

const INVALID_CLIENT: TokenAnswer = {
  status: 401,
  body: { error: 'invalid_client', error_description: 'Invalid credentials provided.' },
  reason: 'wrong-secret',
};

/** Id and secret of a Basic pair; percent-encoded as RFC 6749 section 2.3.1 says, or not, as Atlas and its clients do. */
function readBasic(authorization: string | undefined): { id: string; secret: string } | undefined {
  const encoded = credentialsOf('basic', authorization ?? '');
  if (encoded === undefined || !/^[A-Za-z0-9+/=_-]{1,1024}$/.test(encoded)) return undefined;
  try {
    const pair = decodeURIComponent(Buffer.from(encoded, 'base64').toString('latin1'));
    const colon = pair.indexOf(':');
    return colon < 0 ? undefined : { id: pair.slice(0, colon), secret: pair.slice(colon + 1) };
  } catch {
    return undefined;
  }
}

/**
 * Whether a token in compact form ends with its HMAC (RFC 7515 section 3.1). What anybody can make up is turned away here: reading it as a
 * token, which is asynchronous, takes twenty times as long.
 */
function isSignedWith(key: Uint8Array, token: string): boolean {
  const end = token.lastIndexOf('.');
  // As text: several spellings of base64url decode to the same bytes, and each would be a token of its own.
  const expected = Buffer.from(createHmac('sha256', key).update(token.slice(0, end)).digest('base64url'));
  const given = Buffer.from(token.slice(end + 1));
  return given.length === expected.length && timingSafeEqual(given, expected);
}

export interface TokensOptions {
  /** Signs new tokens; it never leaves the process. */
  readonly signingKey: Uint8Array;
  /** Another key whose tokens are taken as well, while keys change. */
  readonly otherKey?: Uint8Array | undefined;
  /** Told of a token that was revoked here, with the wall-clock milliseconds at which it would have ended. */
  readonly onRevoke?: ((tokenId: string, endsAt: number) => void) | undefined;
}

/** One-hour tokens (signed JWTs) for caller keys. */
export function createTokens(
  { signingKey, otherKey, onRevoke }: TokensOptions,
  { clock, random }: { clock: Clock; random: Random },
): Tokens {
  let byId = new Map<string, { entry: CallerEntry; sha256: Buffer; expiresAt: number }>();
  const tries = new Map<string, ReturnType<typeof createTokenBucket>>();
  /** Ids of revoked tokens, in the order they end. */
  const revoked = new Set<string>();
  /**
   * Tokens whose signature was checked: checking one is asynchronous, a known one is answered at once. What may be wrong with it since then
   * is looked at every time. As with keys, a map's seeded hash tells nothing of what is nearly right.
   */
  const remembered = new Map<string, { keyId: string; tokenId: string; endsAt: number }>();
  const nowSeconds = () => Math.floor(clock.wall() / 1_000);

  function tryKey(id: string): number {
    const name = byId.has(id) ? id : 'unknown';
    const bucket = tries.get(name) ?? createTokenBucket(TRIES, clock);
    tries.set(name, bucket);
    return bucket.take();
  }

  function client(authorization: string | undefined): { id: string; name: string } | TokenAnswer {
    const pair = readBasic(authorization);
    if (pair === undefined) return { ...INVALID_CLIENT, reason: 'malformed' };
    const waitMs = tryKey(pair.id);
    if (waitMs > 0)
      return {
        status: 429,
        body: { error: 'slow_down', error_description: 'Too many attempts.' },
        retryAfterSeconds: Math.ceil(waitMs / 1_000),
        reason: 'too-many-attempts',
      };
    const known = byId.get(pair.id);
    const right = timingSafeEqual(
      createHash('sha256').update(pair.secret).digest(),
      known?.sha256 ?? Buffer.alloc(32),
    );
    if (known === undefined || !right) return INVALID_CLIENT;
    if (clock.wall() >= known.expiresAt) return { ...INVALID_CLIENT, reason: 'expired' };
    return { id: pair.id, name: known.entry.caller.name };
  }

  function forget(tokenId: string): void {
    for (const oldest of revoked) {
      if (revoked.size < MAX_REVOKED) break;
      revoked.delete(oldest);
    }
    revoked.add(tokenId);
  }

  const read = async (token: string) =>
    (await readWith(token, signingKey)) ?? (otherKey === undefined ? undefined : readWith(token, otherKey));

  async function readWith(
    token: string,
    key: Uint8Array,
  ): Promise<{ keyId: string; tokenId: string; endsAt: number } | undefined> {
    if (!isSignedWith(key, token)) return undefined;
    try {
      const { payload } = await jwtVerify(token, key, {
        issuer: ISSUER,
        algorithms: ['HS256'],
        currentDate: new Date(clock.wall()),
      });
      const { sub, jti, exp } = payload;
      return sub === undefined || jti === undefined || exp === undefined
        ? undefined
        : { keyId: sub, tokenId: jti, endsAt: exp * 1_000 };
    } catch {
      return undefined;
    }
  }

  function admit(found: { keyId: string; tokenId: string; endsAt: number } | undefined): Identified {
    if (found === undefined) return { type: 'stranger', reason: 'bad-token' };
    const known = byId.get(found.keyId);
    if (known === undefined) return { type: 'stranger', reason: 'unknown-key' };
    const wall = clock.wall();
    if (wall >= found.endsAt || wall >= known.expiresAt || revoked.has(found.tokenId))
      return { type: 'stranger', reason: 'expired' };
    return { type: 'caller', caller: known.entry.caller };
  }

  return {
    async trade(authorization, form) {
      const known = client(authorization);
      if ('status' in known) return known;
      if (form.get('grant_type') !== 'client_credentials') {
        return {
          status: 400,
          body: {
            error: 'unsupported_grant_type',
            error_description: 'Only client_credentials is supported.',
          },
          caller: known.name,
          reason: 'grant-type',
        };
      }
      const token = await new SignJWT()
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setIssuer(ISSUER)
        .setSubject(known.id)
        .setJti(random.bytes(12).toString('base64url'))
        .setExpirationTime(nowSeconds() + LIFE_SECONDS)
        .sign(signingKey);
      return {
        status: 200,
        body: { access_token: token, expires_in: LIFE_SECONDS, token_type: 'Bearer' },
        caller: known.name,
      };
    },
    async revoke(authorization, form) {
      const known = client(authorization);
      if ('status' in known) return known;
      const found = await read(form.get('token') ?? '');
      // A token of another key, or none, is answered in the same way (RFC 7009 section 2.2).
      if (found?.keyId === known.id) {
        forget(found.tokenId);
        onRevoke?.(found.tokenId, found.endsAt);
      }
      return { status: 200, caller: known.name };
    },
    presentation(authorization) {
      const token = credentialsOf('bearer', authorization);
      if (token === undefined) return undefined;
      const known = remembered.get(token);
      if (known !== undefined) return admit(known);
      if (!/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(token) || readIssuer(token) !== ISSUER) return undefined;
      return read(token).then((found) => {
        if (found !== undefined) {
          for (const oldest of remembered.keys()) {
            if (remembered.size < MAX_REMEMBERED) break;
            remembered.delete(oldest);
          }
          remembered.set(exactText(token), found);
        }
        return admit(found);
      });
    },
    learnRevoked: forget,
    replaceKeys(entries) {
      byId = new Map(
        entries.flatMap((entry) =>
          entry.keys.map(
            ({ id, sha256, expiresAt = Number.POSITIVE_INFINITY }) =>
              [id, { entry, sha256, expiresAt }] as const,
          ),
        ),
      );
    },
  };
}

/** The issuer a JWT claims, unverified: it only says who has to verify it. */
export function readIssuer(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    if (typeof claims !== 'object' || claims === null || !('iss' in claims)) return undefined;
    return typeof claims.iss === 'string' ? claims.iss : undefined;
  } catch {
    return undefined;
  }
}
