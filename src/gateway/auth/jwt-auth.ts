import {
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { credentialsOf } from '../../lib/auth-params.ts';
import type { Clock } from '../../lib/clock.ts';
import type { IssuerKeys, KeySetLocation } from './issuer-keys.ts';
import type { AuthResult, AuthScheme, Caller } from './key-auth.ts';
import { readIssuer } from './signed-tokens.ts';

/** A trusted issuer of JWTs, such as a Kubernetes cluster or an identity provider. */
export interface Issuer {
  readonly issuer: string;
  readonly audience: string;
  /** Accepted signature algorithms; never `none`, never a symmetric one. */
  readonly algorithms: readonly string[];
  readonly keys: KeySetLocation | { readonly set: () => JSONWebKeySet };
}

/** Maps tokens of an issuer to a caller by the value of a claim. */
export interface TokenRule {
  readonly caller: Caller;
  readonly issuer: string;
  readonly claim: string;
  readonly value: string;
}

/** Maximum clock skew between an issuer and the gateway, for `nbf`, `iat` and `exp`. */
const CLOCK_TOLERANCE_SECONDS = 30;
const MAX_TOKEN_LENGTH = 8_192;
/** Three base64url parts (RFC 7515 section 7.1), of which the signature may be empty: verification rejects the algorithm `none`. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]*$/;

const UNAVAILABLE: AuthResult = { type: 'unavailable' };

const claimOf = (payload: JWTPayload, name: string): unknown => payload[name];

/** jose checks `iat` only together with a maximum age, which issuers of long-lived tokens do not have. */
const isIssuedInFuture = ({ iat = 0 }: JWTPayload, wallMs: number) =>
  iat > Math.floor(wallMs / 1_000) + CLOCK_TOLERANCE_SECONDS;

/** Authenticates JWTs of configured issuers as bearer tokens and maps them to callers by a claim. */
export function createIssuedTokens(
  issuers: readonly Issuer[],
  rules: readonly TokenRule[],
  { clock, issuerKeys }: { clock: Clock; issuerKeys: IssuerKeys },
): AuthScheme {
  issuerKeys.retain(issuers.flatMap(({ keys }) => ('url' in keys ? [keys] : [])));
  const byName = new Map(
    issuers.map((issuer) => {
      const keys = issuer.keys;
      const getKey: JWTVerifyGetKey =
        'url' in keys
          ? issuerKeys.keysOf(keys)
          : (header, token) => createLocalJWKSet(keys.set())(header, token);
      return [issuer.issuer, { issuer, getKey }] as const;
    }),
  );

  async function verify(
    token: string,
    { issuer, getKey }: { issuer: Issuer; getKey: JWTVerifyGetKey },
  ): Promise<AuthResult> {
    const wallMs = clock.wall();
    try {
      const { payload } = await jwtVerify(token, getKey, {
        issuer: issuer.issuer,
        audience: issuer.audience,
        algorithms: [...issuer.algorithms],
        requiredClaims: ['exp'],
        currentDate: new Date(wallMs),
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      });
      if (isIssuedInFuture(payload, wallMs)) return { type: 'unauthenticated', reason: 'bad-token' };
      const rule = rules.find(
        ({ issuer: name, claim, value }) => name === issuer.issuer && claimOf(payload, claim) === value,
      );
      return rule === undefined
        ? { type: 'unauthenticated', reason: 'no-rule' }
        : { type: 'caller', caller: rule.caller };
    } catch (error) {
      // An error of jose itself means that the token is invalid; any other error means that the key server failed.
      const isTokensFault = error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC';
      return isTokensFault ? { type: 'unauthenticated', reason: 'bad-token' } : UNAVAILABLE;
    }
  }

  return (authorization) => {
    const token = credentialsOf('bearer', authorization);
    if (token === undefined || token.length > MAX_TOKEN_LENGTH || !COMPACT_JWS.test(token)) return undefined;
    const known = byName.get(readIssuer(token) ?? '');
    return known === undefined ? { type: 'unauthenticated', reason: 'unknown-issuer' } : verify(token, known);
  };
}
