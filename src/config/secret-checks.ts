import { readRedisUrl } from '../cluster/redis-url.ts';
import { readProxyAddress } from '../upstream/proxy-address.ts';
import type { Path } from './config-error.ts';
import { proxyRefs } from './file-refs.ts';
import type { GatewayConfig, SecretRef } from './schema.ts';

/** Minimum lengths of signing and encryption keys, and of secrets used for authentication. */
const MIN_KEY_LENGTH = 32;
const MIN_SECRET_LENGTH = 16;

interface SecretCheckOptions {
  /** Undefined for a secret that cannot be read, which is reported elsewhere. */
  readonly secretValue: (ref: SecretRef) => string | undefined;
  readonly report: (path: Path, message: string) => void;
}

/** Reports secrets that are too short, and an invalid address of Redis or of the proxy. Messages never contain the value of a secret. */
export function checkSecrets(config: GatewayConfig, { secretValue, report }: SecretCheckOptions): void {
  for (const { length, ref, path } of lengthRules(config)) {
    if (ref !== undefined && (secretValue(ref)?.length ?? length) < length)
      report(path, `is too short to be a secret; write at least ${length} random characters`);
  }
  const { shared } = config.cache;
  const address = shared === undefined ? undefined : secretValue(shared.url);
  if (address !== undefined && readRedisUrl(address) === undefined)
    report(
      ['cache', 'shared', 'url'],
      'is not a valid Redis URL; use redis://, rediss://, redis+sentinel://…/primary or redis+cluster://, with special characters in the password percent-encoded',
    );
  for (const { ref, path } of proxyRefs(config)) {
    const proxyAddress = secretValue(ref);
    if (proxyAddress !== undefined && readProxyAddress(proxyAddress) === undefined)
      report(
        path,
        'is not a valid proxy address; use http://user:password@host:port, with special characters in the password percent-encoded',
      );
  }
}

interface LengthRule {
  readonly length: number;
  readonly ref: SecretRef | undefined;
  readonly path: Path;
}

const lengthRules = ({ admin, credentials, tokens, cache }: GatewayConfig): readonly LengthRule[] => [
  { length: MIN_SECRET_LENGTH, ref: admin.token, path: ['admin', 'token'] },
  ...credentials.flatMap(({ serviceAccount, apiKey }, index) => {
    const place = ['credentials', index];
    return [
      {
        length: MIN_SECRET_LENGTH,
        ref: serviceAccount?.clientSecret,
        path: [...place, 'serviceAccount', 'clientSecret'],
      },
      { length: MIN_SECRET_LENGTH, ref: apiKey?.privateKey, path: [...place, 'apiKey', 'privateKey'] },
    ];
  }),
  { length: MIN_KEY_LENGTH, ref: tokens.signingKey, path: ['tokens', 'signingKey'] },
  {
    length: MIN_KEY_LENGTH,
    ref: cache.snapshot?.encryptionKey,
    path: ['cache', 'snapshot', 'encryptionKey'],
  },
  { length: MIN_KEY_LENGTH, ref: cache.shared?.encryptionKey, path: ['cache', 'shared', 'encryptionKey'] },
  {
    length: MIN_KEY_LENGTH,
    ref: cache.shared?.previousEncryptionKey,
    path: ['cache', 'shared', 'previousEncryptionKey'],
  },
];
