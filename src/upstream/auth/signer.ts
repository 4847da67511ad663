import type { UpstreamFailure, UpstreamRequest, UpstreamResult } from '../message.ts';

/** The two parts of an Atlas credential: client id and secret, or public and private key. */
export interface CredentialSecrets {
  readonly id: string;
  readonly secret: string;
}

/** Atlas rejected the token or nonce of a call, or it was gone when the call was to be sent. */
export interface Unsigned {
  readonly type: 'unsigned';
  /** The result if the request is not replayed with another token or nonce. */
  readonly failure: UpstreamFailure;
  /** The number of attempts after which a replay would not help. */
  readonly attempts: number;
  /** Atlas rejected the credential. Absent: the call was not sent, or only its nonce had expired. */
  readonly rejected?: true;
}

/** Signs and sends requests with a credential. */
export interface Signer {
  /**
   * Obtains a token or nonce if there is none, which may take a call of its own. Resolves to undefined if `send` can sign, else to the
   * result of the request.
   */
  prepare(request: UpstreamRequest): Promise<UpstreamResult | undefined>;
  /** Signs the request and sends it: exactly one call. */
  send(request: UpstreamRequest): Promise<UpstreamResult | Unsigned>;
  /** Resolves to undefined if Atlas accepts the credential. */
  verify(): Promise<UpstreamFailure | undefined>;
  /** Revokes the current token, so that it does not count against Atlas's limit of live tokens, and mints no other. Absent for credentials without tokens. */
  revokeToken?(): Promise<void>;
}
