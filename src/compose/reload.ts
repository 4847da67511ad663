import { changesThatWait, type ResolvedConfig } from '../config/reload-settings.ts';
import type { TrustedProxies } from '../lib/trusted-proxies.ts';
import { unexpectedError } from '../lib/unexpected-error.ts';
import type { Log, LogEvent } from '../observability/log.ts';
import type { Listener } from '../server/listener.ts';
import type { Auth } from './auth.ts';
import { type InForce, type LiveSettings, resolveLiveSettings } from './live-settings.ts';
import type { Upstream } from './upstream.ts';

export interface ReloadDependencies {
  readonly inForce: InForce;
  readonly auth: Auth;
  readonly upstream: Upstream;
  readonly publicListener: Listener;
  readonly adminListener: Listener;
  readonly trustedProxies: TrustedProxies;
  readonly logging: Pick<Log, 'setLevel'>;
  readonly expiryWatch: { check(): void };
  readonly observe: (event: LogEvent) => void;
}

const NOT_APPLICABLE =
  'the configuration cannot be applied; check that cert and key of listen.tls and of admin.tls belong together';

/** What protects the admin listener stays in force until a restart where a reload removes it: that would open the listener at once. */
function keepProtection(next: LiveSettings, { adminToken, adminTls }: LiveSettings): LiveSettings {
  const nextTls = next.adminTls ?? adminTls;
  return {
    ...next,
    adminToken: next.adminToken ?? adminToken,
    adminTls: nextTls && { ...nextTls, clientCa: nextTls.clientCa ?? adminTls?.clientCa },
  };
}

/** Applies reloaded configurations: live settings at once and all together; the others are named, and wait for a restart. */
export function createReload(
  initial: ResolvedConfig,
  {
    inForce,
    auth,
    upstream,
    publicListener,
    adminListener,
    trustedProxies,
    logging,
    expiryWatch,
    observe,
  }: ReloadDependencies,
): (next: ResolvedConfig, kept?: readonly string[]) => void {
  /** Throws, and changes nothing, if a secret cannot be resolved or the new certificate is not valid. */
  function applyLiveSettings(next: ResolvedConfig): void {
    const settings = keepProtection(resolveLiveSettings(next), inForce.settings);
    if (settings.tls !== undefined) publicListener.replaceTls(settings.tls);
    if (settings.adminTls !== undefined) adminListener.replaceTls(settings.adminTls);
    inForce.replace(next.config, settings);
    auth.replace(settings);
    trustedProxies.replace(settings.trustedProxies);
    logging.setLevel(next.config.log.level);
    upstream.replaceCredentials(settings.credentials);
  }

  return (next, kept = []) => {
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
    const problems = [...kept, ...waiting.map((setting) => `${setting}: takes effect at the next start`)];
    observe({ type: 'config-reload', outcome: kept.length === 0 ? 'applied' : 'partial', problems });
  };
}
