import { type AuthChallenge, parseChallenges } from '../../lib/auth-params.ts';
import type { DigestAlgorithm } from '../../lib/http-digest.ts';

/** A digest challenge that the gateway supports (RFC 7616 section 3.3). */
export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque?: string;
  readonly algorithm: DigestAlgorithm;
  readonly stale: boolean;
}

function toDigestChallenge({ scheme, parameters }: AuthChallenge): DigestChallenge | undefined {
  const nonce = parameters.get('nonce');
  const algorithm = (parameters.get('algorithm') ?? 'MD5').toUpperCase();
  const qops = (parameters.get('qop') ?? '').split(',').map((qop) => qop.trim().toLowerCase());
  if (scheme !== 'digest' || nonce === undefined || !qops.includes('auth')) return undefined;
  if (algorithm !== 'MD5' && algorithm !== 'SHA-256') return undefined;
  const opaque = parameters.get('opaque');
  return {
    realm: parameters.get('realm') ?? '',
    nonce,
    algorithm,
    stale: parameters.get('stale')?.toLowerCase() === 'true',
    ...(opaque === undefined ? {} : { opaque }),
  };
}

/** The strongest digest challenge with `qop=auth` in a `WWW-Authenticate` value; undefined if there is none. */
export function readChallenge(header: string | undefined): DigestChallenge | undefined {
  const found = parseChallenges(header ?? '').flatMap((challenge) => toDigestChallenge(challenge) ?? []);
  return found.find(({ algorithm }) => algorithm === 'SHA-256') ?? found[0];
}
