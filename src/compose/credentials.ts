import {
  type Credential,
  type Credentials,
  createCredentials,
  type Discover,
} from '../gateway/credentials/selection.ts';
import type { Clock } from '../lib/clock.ts';
import { unexpectedError } from '../lib/unexpected-error.ts';
import type { LogEvent } from '../observability/log.ts';
import type { UpstreamClient } from '../upstream/pipeline.ts';
import type { CredentialSettings } from './live-settings.ts';

/** A configured credential and its client. */
export interface ConfiguredCredential extends Credential {
  readonly kind: CredentialSettings['kind'];
  readonly upstream: UpstreamClient;
}

/** The credentials in use. */
export interface CredentialSet {
  readonly current: readonly ConfiguredCredential[];
  readonly selection: Credentials;
  /** Adds and removes credentials, changes what they are for, and proposes their secrets. One whose kind has changed stays as it is. */
  replace(settings: readonly CredentialSettings[]): void;
  /** Closes all clients, including those of recently removed credentials. */
  close(): Promise<void>;
}

export interface CredentialSetDependencies {
  readonly createClient: (settings: CredentialSettings) => UpstreamClient;
  readonly freshnessFactor: (name: string, endpointSet: string, scope: string) => number;
  readonly discover: Discover;
  readonly clock: Clock;
  readonly observe: (event: LogEvent) => void;
}

/** How long loads may use a credential after it was removed: the longest load. Then its token is revoked. */
const RETIREMENT_MS = 120_000;

const isSameSet = (one: ReadonlySet<string> | undefined, other: ReadonlySet<string> | undefined) =>
  one === undefined || other === undefined
    ? one === other
    : one.size === other.size && [...one].every((id) => other.has(id));

/** A credential that stays keeps its client, with its token and the state of its circuit breaker. */
export function createCredentialSet(
  initial: readonly CredentialSettings[],
  { createClient, freshnessFactor, discover, clock, observe }: CredentialSetDependencies,
): CredentialSet {
  const retired = new Set<UpstreamClient>();

  function connect(settings: CredentialSettings, upstream = createClient(settings)): ConfiguredCredential {
    const { name, kind, covers } = settings;
    return {
      name,
      kind,
      upstream,
      send: upstream.send,
      freshnessFactor: (endpointSet, scope) => freshnessFactor(name, endpointSet, scope),
      ...(covers === undefined ? {} : { covers }),
    };
  }

  function update(credential: ConfiguredCredential, settings: CredentialSettings): ConfiguredCredential {
    const { kind, upstream, covers } = credential;
    // Secrets of another kind need another signer: they wait for a restart, as the log says.
    if (kind !== settings.kind) return credential;
    upstream.proposeSecrets(settings.secrets);
    return isSameSet(covers, settings.covers) ? credential : connect(settings, upstream);
  }

  function retire(client: UpstreamClient): void {
    retired.add(client);
    clock.after(RETIREMENT_MS, () => {
      retired.delete(client);
      client.close().catch((error: unknown) => observe(unexpectedError('revoking a token', error)));
    });
  }

  let current: readonly ConfiguredCredential[] = initial.map((settings) => connect(settings));
  const selection = createCredentials(current, { clock, discover });

  return {
    get current() {
      return current;
    },
    selection,
    replace(settings) {
      const before = new Map(current.map((credential) => [credential.name, credential]));
      const next = settings.map((one) => {
        const known = before.get(one.name);
        return known === undefined ? connect(one) : update(known, one);
      });
      const names = new Set(next.map(({ name }) => name));
      for (const { name, upstream } of current) if (!names.has(name)) retire(upstream);
      const isUnchanged =
        next.length === current.length && next.every((credential, index) => credential === current[index]);
      if (isUnchanged) return;
      current = next;
      selection.replace(current);
    },
    async close() {
      const clients = [...current.map(({ upstream }) => upstream), ...retired];
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}
