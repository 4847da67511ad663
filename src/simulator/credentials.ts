import type { SimulatedRequest } from './answer.ts';

/** Ids that a credential may see; anything else is there, but not for it. */
export interface Reach {
  readonly projects: ReadonlySet<string>;
  readonly organizations: ReadonlySet<string>;
}

/** A service account, which trades its id and secret for bearer tokens. */
export interface ServiceAccount extends Reach {
  readonly type: 'service-account';
  readonly clientId: string;
  readonly clientSecret: string;
}

/** An API key, which signs every request by HTTP digest. */
export interface ApiKey extends Reach {
  readonly type: 'api-key';
  readonly publicKey: string;
  readonly privateKey: string;
}

export type SimulatedCredential = ServiceAccount | ApiKey;

/** The public half, for the request log and for per-credential rate limits. */
export const credentialId = (credential: SimulatedCredential): string =>
  credential.type === 'api-key' ? credential.publicKey : credential.clientId;

/** The credentials the simulator knows. They can be replaced while it runs, as secrets are rotated. */
export interface CredentialStore {
  serviceAccount(clientId: string): ServiceAccount | undefined;
  apiKey(publicKey: string): ApiKey | undefined;
  replace(credentials: readonly SimulatedCredential[]): void;
}

export function createCredentialStore(initial: readonly SimulatedCredential[]): CredentialStore {
  let credentials = initial;
  return {
    serviceAccount: (clientId) =>
      credentials.find(
        (known): known is ServiceAccount => known.type === 'service-account' && known.clientId === clientId,
      ),
    apiKey: (publicKey) =>
      credentials.find((known): known is ApiKey => known.type === 'api-key' && known.publicKey === publicKey),
    replace(next) {
      credentials = next;
    },
  };
}

/** The scheme, in lower case, and what follows it in an `Authorization` header (RFC 9110 section 11.4). */
export function readAuthorization(request: SimulatedRequest): { scheme: string; rest: string } {
  const [, scheme = '', rest = ''] = /^(\S+) +(.*)$/.exec(request.headers['authorization'] ?? '') ?? [];
  return { scheme: scheme.toLowerCase(), rest: rest.trim() };
}
