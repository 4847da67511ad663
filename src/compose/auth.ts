import { type Access, createAccess } from '../gateway/auth/authentication.ts';
import type { SharedAccess } from '../gateway/auth/cluster-auth.ts';
import { createNonceStore, type NonceStore } from '../gateway/auth/digest-auth.ts';
import { createIssuerKeys, fetchKeySet } from '../gateway/auth/issuer-keys.ts';
import { createTokens, type Tokens } from '../gateway/auth/token-service.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { LiveSettings } from './live-settings.ts';
import type { PublicUrl } from './public-url.ts';

/** Who may call, with which keys and tokens, and how often. */
export interface Auth {
  readonly access: Access;
  readonly tokens: Tokens;
  readonly nonceStore: NonceStore;
  /** Applies the callers, issuers and signing key of a reloaded configuration. */
  replace(settings: LiveSettings): void;
}

/** Tokens are signed with the configured key, else with one that the gateways share, else with one of this process. */
export function buildAuth(
  settings: LiveSettings,
  {
    shared,
    publicUrl,
    clock,
    random,
  }: { shared: SharedAccess | undefined; publicUrl: PublicUrl; clock: Clock; random: Random },
): Auth {
  const ownTokens = shared?.tokens ?? { signingKey: random.bytes(32) };
  const signingKeyOf = ({ signingKey }: LiveSettings): Uint8Array => signingKey ?? ownTokens.signingKey;
  const tokens = createTokens({ ...ownTokens, signingKey: signingKeyOf(settings) }, { clock, random });
  const nonceStore = createNonceStore({ clock, random, shared: shared?.nonces });
  const access = createAccess(settings.accessList, {
    nonceStore,
    tokens,
    issuerKeys: createIssuerKeys({ clock, fetchSet: fetchKeySet }),
    clock,
    basePath: publicUrl.basePath,
  });
  return {
    access,
    tokens,
    nonceStore,
    replace(next) {
      tokens.replaceSigningKey(signingKeyOf(next));
      access.replace(next.accessList);
    },
  };
}
