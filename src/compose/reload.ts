import { changesThatWait, type ResolvedConfig } from '../config/reload-settings.ts';
import type { TrustedProxies } from '../lib/trusted-proxies.ts';
import { unexpectedError } from '../lib/unexpected-error.ts';
import type { Log, LogEvent } from '../observability/log.ts';
import type { Listener } from '../server/listener.ts';
import type { Auth } from './auth.ts';
import { type InForce, resolveLiveSettings } from './live-settings.ts';
import type { Upstream } from './upstream.ts';

export interface ReloadDependencies {
  readonly inForce: InForce;
  readonly auth: Auth;
  readonly upstream: Upstream;
  readonly publicListener: Listener;
  readonly trustedProxies: TrustedProxies;
  readonly logging: Pick<Log, 'setLevel'>;
  readonly expiryWatch: { check(): void };
  readonly observe: (event: LogEvent) => void;
}

const NOT_APPLICABLE =
  'the configuration cannot be applied; check that listen.tls.cert and listen.tls.key belong together';

/** Applies reloaded configurations: live settings at once and all together; the others are named, and wait for a restart. */
export function createReload(
  initial: ResolvedConfig,
  {
    inForce,
    auth,
    upstream,
    publicListener,
    trustedProxies,
    logging,
    expiryWatch,
    observe,
  }: ReloadDependencies,
): (next: ResolvedConfig) => void {
  /** Throws, and changes nothing, if a secret cannot be resolved or the new certificate is not valid. */
  function applyLiveSettings(next: ResolvedConfig): void {
    const settings = resolveLiveSettings(next);
    if (settings.tls !== undefined) publicListener.replaceTls(settings.tls);
    // Removing the token would open the admin listener at once, so the current one stays in force until a restart.
    const adminToken = settings.adminToken ?? inForce.settings.adminToken;
    inForce.replace(next.config, { ...settings, adminToken });
    auth.replace(settings);
    trustedProxies.replace(settings.trustedProxies);
    logging.setLevel(next.config.log.level);
    // Secrets of another kind are for another way to sign: they wait for a restart, as the log says.
    for (const { name, kind, secrets } of settings.credentials)
      upstream.credentials
        .find((credential) => credential.name === name && credential.kind === kind)
        ?.upstream.proposeSecrets(secrets);
  }

  return (next) => {
    let waiting: readonly string[];
    try {
      waiting = changesThatWait(initial, next);
      applyLiveSettings(next);
    } catch (error) {
      observe(unexpectedError('a configuration reload', error));
      observe({ type: 'config-reload', outcome: 'rejected', problems: [NOT_APPLICABLE] });
      return;
    }
    expiryWatch.check();
    const problems = waiting.map((setting) => `${setting}: takes effect at the next start`);
    observe({ type: 'config-reload', outcome: 'applied', problems });
  };
}
