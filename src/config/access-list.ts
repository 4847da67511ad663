import type { AccessList } from '../gateway/auth/authentication.ts';
import type { TokenRule } from '../gateway/auth/jwt-auth.ts';
import type { Caller, CallerKey, Permissions } from '../gateway/auth/key-auth.ts';
import { readProxyAddress } from '../upstream/proxy-address.ts';
import type { GatewayConfig, SecretRef } from './schema.ts';

type SecretOf = (ref: SecretRef) => string;
type ConfiguredPermissions = Pick<
  GatewayConfig['callers'][number],
  'projects' | 'organizations' | 'operations'
>;

const permissionsOf = ({ projects, organizations, operations }: ConfiguredPermissions): Permissions => ({
  projects: projects === 'all' ? projects : new Set(projects),
  organizations: organizations === 'all' ? organizations : new Set(organizations),
  operations: new Set(operations),
});

/** Parses the HA1 hashes of a file: 32 hexadecimal digits for MD5, 64 for SHA-256. */
function ha1Of(content: string): NonNullable<CallerKey['ha1']> {
  const hashes = content.trim().split(/\s+/);
  const [md5, sha256] = [32, 64].map((length) => hashes.find((hash) => hash.length === length));
  return { ...(md5 === undefined ? {} : { md5 }), ...(sha256 === undefined ? {} : { sha256 }) };
}

/** Converts the configured callers, keys and issuers to the form the gateway uses. */
export function accessListOf(config: GatewayConfig, secretOf: SecretOf): AccessList {
  const callers = config.callers.map(({ name, keys, jwt, spend, requests, ...grants }) => {
    const caller: Caller = {
      name,
      ...permissionsOf(grants),
      ...(spend === undefined ? {} : { spendPerMinute: spend.perMinute }),
      ...(requests === undefined ? {} : { requestsPerMinute: requests.perMinute }),
    };
    const callerKeys = keys.map(
      ({ id, sha256, ha1, expires }): CallerKey => ({
        id,
        sha256: Buffer.from(sha256, 'hex'),
        ...(ha1 === undefined ? {} : { ha1: ha1Of(secretOf(ha1)) }),
        ...(expires === undefined ? {} : { expiresAt: Date.parse(expires) }),
      }),
    );
    return { caller, keys: callerKeys, jwt };
  });
  const rules = callers.flatMap(({ caller, jwt }): TokenRule[] => {
    if (jwt === undefined) return [];
    const { name: claim, value } = jwt.claim ?? { name: 'sub', value: jwt.subject ?? '' };
    return [{ caller, issuer: jwt.issuer, claim, value }];
  });
  const issuers = config.issuers.map(({ jwks, ...issuer }) => ({
    ...issuer,
    keys:
      'url' in jwks
        ? { url: new URL(jwks.url), proxy: jwks.proxy && readProxyAddress(secretOf(jwks.proxy)) }
        : { set: () => JSON.parse(secretOf(jwks)) },
  }));
  return {
    callers,
    issuers,
    rules,
    ...(config.anonymous === undefined
      ? {}
      : { anonymous: { name: 'anonymous', ...permissionsOf(config.anonymous) } }),
  };
}
