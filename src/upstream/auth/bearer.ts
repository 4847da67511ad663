import { parseBoundedJson } from '../../lib/bounded-json.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import { unexpectedError } from '../../lib/unexpected-error.ts';
import { rejectsCredential } from '../auth-errors.ts';
import type { UpstreamEvent } from '../events.ts';
import { overloaded, upstreamFailure } from '../failure.ts';
import {
  type Exchange,
  headersOf,
  type UpstreamFailure,
  type UpstreamRequest,
  type UpstreamResponse,
  type UpstreamResult,
  type WireRequest,
} from '../message.ts';
import { createRepeat } from '../retry.ts';
import { readRetryAfter } from '../retry-after.ts';
import { createMintPause } from './mint-pause.ts';
import type { CredentialSecrets, Signer, Unsigned } from './signer.ts';
import { createTokenReplacement } from './token-replacement.ts';

export interface BearerOptions {
  /** The credential's name in the configuration. */
  readonly name: string;
  readonly secrets: CredentialSecrets;
  /** Deadline for minting a token; after it, waiting requests fail. */
  readonly mintTimeoutMs: number;
}

/** A token in a form that gateways can share; times in wall-clock milliseconds. */
export interface Grant {
  readonly type: 'grant';
  readonly value: string;
  readonly renewAt: number;
  readonly endsAt: number;
}

/** Mints one token for several gateways: returns a usable token that another gateway minted, or calls `mint` on behalf of all. */
export type ShareGrant = (
  request: {
    readonly secrets: CredentialSecrets;
    readonly usable: (grant: Grant) => boolean;
    /** Monotonic milliseconds until which this gateway waits for another one. */
    readonly waitUntil: number;
  },
  mint: () => Promise<Grant | UpstreamFailure>,
) => Promise<Grant | UpstreamFailure>;

export interface BearerDependencies {
  readonly exchange: Exchange;
  /** Sends the calls that obtain, verify or revoke tokens and nonces. */
  readonly internalExchange: Exchange;
  readonly clock: Clock;
  readonly random: Random;
  readonly observe: (event: UpstreamEvent) => void;
  /** Absent: tokens are not shared with other gateways. */
  readonly shareGrant?: ShareGrant | undefined;
}

interface Token {
  readonly type: 'token';
  readonly value: string;
  readonly renewAt: number;
  readonly endsAt: number;
}

/** The assumed lifetime of a token without `expires_in` (optional by RFC 6749 section 5.1). */
const UNKNOWN_LIFE_SECONDS = 300;
/** The fraction of its lifetime after which a token is renewed; the rest is time for a failing token endpoint to recover. */
const RENEW_AFTER = 0.8;
/** Attempts of a request whose token is gone each time that it is to be sent, because other requests were rejected with it. */
const MAX_ATTEMPTS = 3;
const MAX_TOKEN_LENGTH = 16_384;
const MAX_ANSWER_BYTES = 4 * MAX_TOKEN_LENGTH;
/** The fraction of the minting deadline that this gateway waits for another one. */
const WAIT_FRACTION = 0.5;

const REVOKED = overloaded('The credential is not used any more.');

const isUnreached = ({ code, unconnected }: UpstreamFailure) =>
  unconnected === true || code === 'UPSTREAM_UNREACHABLE' || code === 'UPSTREAM_TLS';

interface TokenResponse {
  readonly value: string;
  readonly lifeSeconds: number;
}

/**
 * Parses a token response (RFC 6749 section 5.1); `bearer` is case-insensitive, `expires_in` may be a string. Returns an error message if
 * the response is not valid.
 */
function readTokenResponse(response: UpstreamResponse): TokenResponse | string {
  if (response.status !== 200) return `the token endpoint answered ${response.status}`;
  const answer = parseBoundedJson(response.body, MAX_ANSWER_BYTES);
  if (answer === undefined) return 'the token endpoint returned a body that is not JSON or is too long';
  if (typeof answer !== 'object' || answer === null)
    return 'the token endpoint returned JSON that is not an object';
  const { access_token: value, token_type: type, expires_in: lifetime } = answer as Record<string, unknown>;
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value) || value.length > MAX_TOKEN_LENGTH)
    return 'the token endpoint returned no valid access token';
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer')
    return 'the token endpoint returned a token type other than bearer';
  const seconds = typeof lifetime === 'string' ? Number(lifetime) : lifetime;
  const usable = typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0;
  return { value, lifeSeconds: usable ? seconds : UNKNOWN_LIFE_SECONDS };
}

function grantOf({ value, lifeSeconds }: TokenResponse, issuedAt: number): Grant {
  const lifeMs = lifeSeconds * 1_000;
  return { type: 'grant', value, renewAt: issuedAt + lifeMs * RENEW_AFTER, endsAt: issuedAt + lifeMs };
}

/** A request to the OAuth endpoints, authenticated as the client. */
function formRequest(
  { id, secret }: CredentialSecrets,
  request: Pick<WireRequest, 'target' | 'deadlineAt'> & { readonly body: string },
): WireRequest {
  // RFC 6749 section 2.3.1 requires percent-encoding, but Atlas rejects an encoded pair; OAuth libraries do not encode it either.
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const headers = {
    authorization,
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
  };
  return { ...request, method: 'POST', headers };
}

/**
 * Adds a service account's access token to requests. All requests share one token: it is minted once for all waiters, renewed in the
 * background before it expires, and replaced if Atlas rejects it: ever more slowly while it rejects the new ones too. Token requests are
 * retried on transient failures like any other; if the token endpoint keeps failing, the gateway backs off exponentially.
 */
export function createBearer(
  options: BearerOptions,
  {
    exchange,
    internalExchange,
    clock,
    random,
    observe,
    shareGrant = (_request, mint) => mint(),
  }: BearerDependencies,
): Signer {
  const { name, secrets } = options;
  const repeat = createRepeat({ clock, random, observe });
  let token: Token | undefined;
  let minting: Promise<Token | UpstreamFailure> | undefined;
  /** The last token that Atlas rejected: it must not be accepted from another gateway. */
  let rejected: string | undefined;
  /** No token is minted after the last one was revoked: nobody would revoke it. */
  let isRevoked = false;
  const pause = createMintPause(
    upstreamFailure('CREDENTIALS_UNAVAILABLE', `Credential ${name} has no token.`),
    { clock, random },
  );
  const replacement = createTokenReplacement({ clock, random });

  const post = (target: string, form: string, deadlineAt: number) =>
    internalExchange(formRequest(secrets, { target, body: form, deadlineAt }));

  async function requestToken(deadlineAt: number): Promise<Grant | UpstreamFailure> {
    const answer = await repeat(() => post('/api/oauth/token', 'grant_type=client_credentials', deadlineAt), {
      deadlineAt,
      // After a failure, each pause is followed by a single attempt.
      ...(pause.failures === 0 ? {} : { attempts: 1 }),
      // The request that needs the token is retried itself: with retries in both places, the token request would be sent nine times.
      except: 'UPSTREAM_UNREACHABLE',
    });
    const grant = answer.type === 'failed' ? answer.detail.replace(/\.$/, '') : readTokenResponse(answer);
    if (typeof grant === 'string') {
      const refused = answer.type === 'answered' && answer.status === 401;
      observe({
        type: 'credential-renewal',
        credential: name,
        outcome: refused ? 'refused' : 'failed',
        detail: grant,
      });
      // If Atlas itself is unreachable, waiting requests get that failure.
      const failure =
        answer.type === 'failed' && isUnreached(answer)
          ? answer
          : {
              ...upstreamFailure('CREDENTIALS_UNAVAILABLE', `Credential ${name} has no token: ${grant}.`),
              ...(answer.type === 'answered' ? { status: answer.status } : {}),
            };
      return pause.begin(
        failure,
        answer.type === 'answered' ? (readRetryAfter(answer.headers, clock) ?? 0) : 0,
      );
    }
    const granted = grantOf(grant, clock.wall());
    observe({ type: 'credential-renewal', credential: name, outcome: 'renewed' });
    return granted;
  }

  async function mint(): Promise<Token | UpstreamFailure> {
    const begunAt = clock.now();
    const deadlineAt = begunAt + options.mintTimeoutMs;
    const grant = await shareGrant(
      {
        secrets,
        usable: ({ value, renewAt }) => value !== rejected && clock.wall() < renewAt,
        waitUntil: begunAt + options.mintTimeoutMs * WAIT_FRACTION,
      },
      () => requestToken(deadlineAt),
    );
    if (grant.type === 'failed') return grant;
    pause.reset();
    // Convert to the monotonic clock, so that later changes of the wall clock have no effect.
    const wallOffset = clock.wall() - clock.now();
    token = {
      type: 'token',
      value: grant.value,
      renewAt: grant.renewAt - wallOffset,
      endsAt: grant.endsAt - wallOffset,
    };
    return token;
  }

  function mintOnce(): Promise<Token | UpstreamFailure> {
    minting ??= mint().finally(() => {
      minting = undefined;
    });
    return minting;
  }

  const reportRenewalError = (error: unknown) => observe(unexpectedError('a token renewal', error));

  function currentToken(): Token | Promise<Token | UpstreamFailure> | UpstreamFailure {
    if (isRevoked) return REVOKED;
    const now = clock.now();
    const pauseMs = pause.msLeft();
    const mayMint = pauseMs === 0;
    if (token !== undefined && now < token.endsAt) {
      if (now >= token.renewAt && mayMint) mintOnce().catch(reportRenewalError);
      return token;
    }
    return mayMint || minting !== undefined ? mintOnce() : { ...pause.last, retryAfterMs: pauseMs };
  }

  async function send(request: UpstreamRequest): Promise<UpstreamResult | Unsigned> {
    const current = token;
    // The token may have expired or been rejected since `prepare`, while the request waited for a slot.
    if (current === undefined || clock.now() >= current.endsAt)
      return { type: 'unsigned', failure: pause.last, attempts: MAX_ATTEMPTS };
    const answer = await exchange({
      method: 'GET',
      target: request.target,
      headers: { authorization: `Bearer ${current.value}`, ...headersOf(request) },
      deadlineAt: request.deadlineAt,
    });
    const accepted = answer.type === 'answered' && answer.status < 400;
    if (accepted && token === current) replacement.reset();
    if (answer.type === 'failed' || !rejectsCredential(answer)) return answer;
    const failure = upstreamFailure('UPSTREAM_AUTH', `Atlas rejects a new token of credential ${name}.`);
    // Several requests may be rejected with the same token: the first one here drops it, the others find its successor.
    if (token === current) {
      // A token that may not be replaced yet stays in use: Atlas may accept it again.
      if (!replacement.begin()) return failure;
      token = undefined;
    }
    rejected = current.value;
    return { type: 'unsigned', failure, attempts: 2, rejected: true };
  }

  return {
    async prepare() {
      const current = await currentToken();
      return current.type === 'failed' ? current : undefined;
    },
    send,
    async verify() {
      const minted = await mintOnce();
      return minted.type === 'failed' ? minted : undefined;
    },
    async revokeToken() {
      isRevoked = true;
      // A token that is being minted would outlive the gateway; if minting fails, the previous one is still in use.
      await minting;
      const current = token;
      token = undefined;
      if (current === undefined) return;
      await post(
        '/api/oauth/revoke',
        `token=${encodeURIComponent(current.value)}&token_type_hint=access_token`,
        clock.now() + options.mintTimeoutMs,
      );
    },
  };
}
