import { parseBoundedJson } from '../../lib/bounded-json.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import { unexpectedError } from '../../lib/unexpected-error.ts';
import { type CredentialSecrets, rejectsCredential } from '../auth-errors.ts';
import type { UpstreamEvent } from '../events.ts';
import { upstreamFailure } from '../failure.ts';
import type { Exchange, Send, UpstreamFailure, UpstreamResponse, UpstreamResult } from '../message.ts';
import { createRepeat } from '../retry.ts';
import { readRetryAfter } from '../retry-after.ts';
import type { SignedSend } from './secret-rotation.ts';

export interface BearerOptions {
  /** The credential's name in the configuration. */
  readonly name: string;
  readonly secrets: CredentialSecrets;
  /** How long minting may take; longer than that and those who wait are answered. */
  readonly mintTimeoutMs: number;
}

/** A token as several gateways can use it; times in wall-clock milliseconds. */
export interface Grant {
  readonly type: 'grant';
  readonly value: string;
  readonly renewAt: number;
  readonly endsAt: number;
}

/** Has a token minted once for several gateways: one that another has minted, where it is usable, or what `mint` brings, for all of them. */
export type ShareGrant = (
  wanted: {
    readonly secrets: CredentialSecrets;
    readonly usable: (grant: Grant) => boolean;
    /** Monotonic milliseconds until which another gateway is waited for. */
    readonly waitUntil: number;
  },
  mint: () => Promise<Grant | UpstreamFailure>,
) => Promise<Grant | UpstreamFailure>;

export interface BearerDependencies {
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly random: Random;
  readonly observe: (event: UpstreamEvent) => void;
  /** Absent: this gateway's tokens are its own. */
  readonly shareGrant?: ShareGrant | undefined;
}

interface Token {
  readonly type: 'token';
  readonly value: string;
  readonly renewAt: number;
  readonly endsAt: number;
}

/** Where `expires_in` is missing (RFC 6749 section 5.1 allows it) the token is used for this long. */
const UNKNOWN_LIFE_SECONDS = 300;
/** A token is renewed when this part of its life is over, so that a token endpoint that fails then has time to recover. */
const RENEW_AFTER = 0.8;
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;
const MAX_TOKEN_LENGTH = 16_384;
const MAX_ANSWER_BYTES = 4 * MAX_TOKEN_LENGTH;
/** The part of the time for minting for which another gateway is waited for. */
const WAIT_FRACTION = 0.5;

const isUnreached = ({ code, unconnected }: UpstreamFailure) =>
  unconnected === true || code === 'UPSTREAM_UNREACHABLE' || code === 'UPSTREAM_TLS';

interface TokenResponse {
  readonly value: string;
  readonly lifeSeconds: number;
}

/** A token answer of RFC 6749 section 5.1; `bearer` in any case, `expires_in` also as a string. A sentence where it is none. */
function readGrant(response: UpstreamResponse): TokenResponse | string {
  if (response.status !== 200) return `the token endpoint answered ${response.status}`;
  const answer = parseBoundedJson(response.body, MAX_ANSWER_BYTES);
  if (answer === undefined) return 'the token endpoint answered with something that is not JSON, or too long';
  if (typeof answer !== 'object' || answer === null) return 'the token endpoint answered with no object';
  const { access_token: value, token_type: type, expires_in: lifetime } = answer as Record<string, unknown>;
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value) || value.length > MAX_TOKEN_LENGTH)
    return 'the token endpoint gave no token';
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer')
    return 'the token endpoint gave a token of another type than bearer';
  const seconds = typeof lifetime === 'string' ? Number(lifetime) : lifetime;
  const usable = typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0;
  return { value, lifeSeconds: usable ? seconds : UNKNOWN_LIFE_SECONDS };
}

/**
 * Adds a service account's token to requests: one token for all, minted once however many wait, renewed beside the requests before it
 * ends, and once more where Atlas refuses it. A token request that fails in passing is repeated like any other; a token endpoint that goes
 * on failing is asked again only after a growing pause.
 */
export function createBearer(
  options: BearerOptions,
  { exchange, clock, random, observe, shareGrant = (_wanted, mint) => mint() }: BearerDependencies,
): SignedSend {
  const { name, secrets } = options;
  const repeat = createRepeat({ clock, random, observe });
  let token: Token | undefined;
  let minting: Promise<Token | UpstreamFailure> | undefined;
  /** The last token that Atlas refused: nobody must hand it on. */
  let rejected: string | undefined;
  let failures = 0;
  let pausedUntil = 0;
  let last = upstreamFailure('CREDENTIALS_UNAVAILABLE', `Credential ${name} has no token.`);

  function pause(failure: UpstreamFailure, askedMs: number): UpstreamFailure {
    failures++;
    last = failure;
    const backoffMs =
      Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1)) * (0.5 + random.fraction() / 2);
    const waitMs = Math.max(backoffMs, Math.min(askedMs, MAX_BACKOFF_MS));
    pausedUntil = clock.now() + waitMs;
    return { ...last, retryAfterMs: waitMs };
  }

  function post(target: string, form: string, deadlineAt: number): Promise<UpstreamResult> {
    // RFC 6749 section 2.3.1 would have the pair percent-encoded; Atlas refuses it then, which is why no OAuth library does this.
    const pair = Buffer.from(`${secrets.id}:${secrets.secret}`).toString('base64');
    return exchange({
      method: 'POST',
      target,
      headers: {
        authorization: `Basic ${pair}`,
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: form,
      deadlineAt,
    });
  }

  async function ask(deadlineAt: number): Promise<Grant | UpstreamFailure> {
    const answer = await repeat(() => post('/api/oauth/token', 'grant_type=client_credentials', deadlineAt), {
      deadlineAt,
      // An endpoint that has kept failing gets one attempt after each pause.
      ...(failures === 0 ? {} : { attempts: 1 }),
      // The request that needs the token repeats this one: repeated in both places, it would be sent nine times.
      except: 'UPSTREAM_UNREACHABLE',
    });
    const grant = answer.type === 'failed' ? answer.detail.replace(/\.$/, '') : readGrant(answer);
    if (typeof grant === 'string') {
      const refused = answer.type === 'answered' && answer.status === 401;
      observe({
        type: 'credential-renewal',
        credential: name,
        outcome: refused ? 'refused' : 'failed',
        detail: grant,
      });
      // Where Atlas itself cannot be reached, that is what those who wait are told.
      const failure =
        answer.type === 'failed' && isUnreached(answer)
          ? answer
          : {
              ...upstreamFailure('CREDENTIALS_UNAVAILABLE', `Credential ${name} has no token: ${grant}.`),
              ...(answer.type === 'answered' ? { status: answer.status } : {}),
            };
      return pause(failure, answer.type === 'answered' ? (readRetryAfter(answer.headers, clock) ?? 0) : 0);
    }
    const wall = clock.wall();
    const lifeMs = grant.lifeSeconds * 1_000;
    observe({ type: 'credential-renewal', credential: name, outcome: 'renewed' });
    return {
      type: 'grant',
      value: grant.value,
      renewAt: wall + lifeMs * RENEW_AFTER,
      endsAt: wall + lifeMs,
    };
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
      () => ask(deadlineAt),
    );
    if (grant.type === 'failed') return grant;
    failures = 0;
    // From here on the wall clock may move as it likes.
    const before = clock.wall() - clock.now();
    token = {
      type: 'token',
      value: grant.value,
      renewAt: grant.renewAt - before,
      endsAt: grant.endsAt - before,
    };
    return token;
  }

  function mintOnce(): Promise<Token | UpstreamFailure> {
    minting ??= mint().finally(() => {
      minting = undefined;
    });
    return minting;
  }

  const reportRenewal = (error: unknown) => observe(unexpectedError('a token renewal', error));

  function currentToken(): Token | Promise<Token | UpstreamFailure> | UpstreamFailure {
    const now = clock.now();
    const mayMint = now >= pausedUntil;
    if (token !== undefined && now < token.endsAt) {
      if (now >= token.renewAt && mayMint) mintOnce().catch(reportRenewal);
      return token;
    }
    return mayMint || minting !== undefined ? mintOnce() : { ...last, retryAfterMs: pausedUntil - now };
  }

  const send: Send = async (request) => {
    for (let replay = false; ; replay = true) {
      const current = await currentToken();
      if (current.type === 'failed') return current;
      const answer = await exchange({
        method: 'GET',
        target: request.target,
        headers: { authorization: `Bearer ${current.value}`, accept: request.accept },
        deadlineAt: request.deadlineAt,
      });
      if (answer.type === 'failed' || !rejectsCredential(answer)) return answer;
      // Many may hear of the same dead token: the first to come here drops it, the others find its successor.
      if (token === current) token = undefined;
      rejected = current.value;
      if (replay) return upstreamFailure('UPSTREAM_AUTH', `Atlas refuses a new token of credential ${name}.`);
    }
  };

  return {
    send,
    async verify() {
      const minted = await mintOnce();
      return minted.type === 'failed' ? minted : undefined;
    },
    async revokeToken() {
      const current = token;
      token = undefined;
      if (current !== undefined)
        await post(
          '/api/oauth/revoke',
          `token=${encodeURIComponent(current.value)}&token_type_hint=access_token`,
          clock.now() + options.mintTimeoutMs,
        );
    },
  };
}
