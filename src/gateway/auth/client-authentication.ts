import { createHash, timingSafeEqual } from 'node:crypto';
import { createAttemptLimit } from '../../lib/attempt-limit.ts';
import { credentialsOf } from '../../lib/auth-params.ts';
import { networkOf } from '../../lib/client-network.ts';
import type { Clock } from '../../lib/clock.ts';
import type { KeysById, KnownKey } from './known-keys.ts';

/** The key that a client proved to have, or why it did not; `waitMs` says when too many wrong secrets allow another attempt. */
export type ClientResult =
  | { readonly type: 'client'; readonly id: string; readonly key: KnownKey }
  | { readonly type: 'invalid-client'; readonly reason: 'malformed' | 'wrong-secret' | 'expired' }
  | { readonly type: 'too-many-attempts'; readonly waitMs: number };

/** What a client of the token endpoint sends; `address` is its own, if known. */
export interface ClientRequest {
  readonly authorization: string | undefined;
  readonly form: URLSearchParams;
  readonly address?: string | undefined;
}

/** Authenticates a client of the token endpoint by the id and the secret of a caller key. */
export type AuthenticateClient = (request: ClientRequest) => ClientResult;

/** Wrong secrets per minute, for each key id and each client address; all unknown ids share one limit. */
const FAILURES = { max: 60, windowMs: 60_000, maxKeys: 10_000 };

interface ClientCredentials {
  readonly id: string;
  readonly secret: string;
}

/** Id and secret of Basic credentials, percent-encoded (RFC 6749 section 2.3.1) or, as Atlas and its clients do it, not encoded. */
function readBasic(authorization: string): ClientCredentials | undefined {
  const encoded = credentialsOf('basic', authorization);
  if (encoded === undefined || !/^[A-Za-z0-9+/=_-]{1,1024}$/.test(encoded)) return undefined;
  try {
    const pair = decodeURIComponent(Buffer.from(encoded, 'base64').toString('latin1'));
    const colon = pair.indexOf(':');
    return colon < 0 ? undefined : { id: pair.slice(0, colon), secret: pair.slice(colon + 1) };
  } catch {
    return undefined;
  }
}

/** Id and secret as members of the form (RFC 6749 section 2.3.1); that Atlas accepts them there is [inferred] from what its Python SDK sends. */
function readForm(form: URLSearchParams): ClientCredentials | undefined {
  const id = form.get('client_id');
  const secret = form.get('client_secret');
  return id === null || secret === null ? undefined : { id, secret };
}

/** A client authenticates in one way only (RFC 6749 section 2.3): with an `Authorization` header, the form is not considered. */
const readCredentials = ({ authorization, form }: ClientRequest): ClientCredentials | undefined =>
  authorization === undefined ? readForm(form) : readBasic(authorization);

export function createClientAuthentication(keysById: () => KeysById, clock: Clock): AuthenticateClient {
  const failuresById = createAttemptLimit(FAILURES, clock);
  const failuresByAddress = createAttemptLimit(FAILURES, clock);

  /** Counts a wrong secret. A correct one is never counted or rejected, so guessing at a key does not lock out its owner. */
  function rejectGuess(id: string, address: string | undefined): ClientResult {
    const waitMs = Math.max(
      failuresById.count(keysById().has(id) ? id : 'unknown'),
      address === undefined ? 0 : failuresByAddress.count(networkOf(address)),
    );
    return waitMs > 0
      ? { type: 'too-many-attempts', waitMs }
      : { type: 'invalid-client', reason: 'wrong-secret' };
  }

  return (request) => {
    const credentials = readCredentials(request);
    if (credentials === undefined) return { type: 'invalid-client', reason: 'malformed' };
    const { id, secret } = credentials;
    const key = keysById().get(id);
    // Compared even for unknown ids and past the limit, so that the response time does not reveal why a request was rejected.
    const correct = timingSafeEqual(
      createHash('sha256').update(secret).digest(),
      key?.sha256 ?? Buffer.alloc(32),
    );
    if (key === undefined || !correct) return rejectGuess(id, request.address);
    if (clock.wall() >= key.expiresAt) return { type: 'invalid-client', reason: 'expired' };
    return { type: 'client', id, key };
  };
}
