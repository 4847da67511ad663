import { LRUCache } from 'lru-cache';
import type { Clock } from '../../lib/clock.ts';
import type { Send } from '../../upstream/message.ts';

/** A credential and its configured scope. */
export interface Credential {
  readonly name: string;
  readonly send: Send;
  /** The factor that extends the freshness of lists of this endpoint set and scope while its rate limit is nearly exhausted. */
  readonly freshnessFactor: (endpointSet: string, scope: string) => number;
  /** Ids of the projects and organizations it is used for; absent: those it sees in Atlas. */
  readonly covers?: ReadonlySet<string>;
}

/** Selects credentials, the preferred ones first. */
export interface CredentialChoice {
  /** The credentials for a project or organization; a promise only if discovery has to finish first. */
  candidatesFor(id: string): readonly Credential[] | Promise<readonly Credential[]>;
  /** All credentials: a list across projects is merged from what each of them sees. */
  all(): readonly Credential[];
}

/** Credentials that a reload can replace. */
export interface Credentials extends CredentialChoice {
  /** Uses these from now on; what was discovered about those that stay is kept. */
  replace(credentials: readonly Credential[]): void;
}

/** Ids of the projects and organizations that a credential sees; undefined if Atlas does not return them. */
export type Discover = (credential: Credential) => Promise<ReadonlySet<string> | undefined>;

/** How long a discovery is valid, and the minimum age at which an unknown id triggers another one. */
const DISCOVERY_TTL_MS = 600_000;
const REDISCOVERY_MS = 60_000;
const MAX_CHOICES = 10_000;

interface Seen {
  readonly ids: ReadonlySet<string> | undefined;
  readonly at: number;
}

/** The credentials without configured projects and organizations. */
const openOf = (credentials: readonly Credential[]) =>
  credentials.filter(({ covers }) => covers === undefined);

/**
 * Credentials that name the project come first, then those discovered to see it. Discovery runs only to decide between several credentials:
 * a single one without projects is always used. A credential whose discovery fails remains a candidate.
 */
export function createCredentials(
  initial: readonly Credential[],
  { clock, discover }: { clock: Clock; discover: Discover },
): Credentials {
  let credentials = initial;
  let open = openOf(credentials);
  const seen = new Map<string, Seen>();
  const discovering = new Map<string, Promise<void>>();
  /** Choices since the last discovery, by id; an unchanged choice is the same array. */
  const chosen = new LRUCache<string, readonly Credential[]>({ max: MAX_CHOICES });

  function isDue(credential: Credential, id: string): boolean {
    const known = seen.get(credential.name);
    if (known === undefined) return true;
    const age = clock.now() - known.at;
    return age >= DISCOVERY_TTL_MS || (known.ids?.has(id) !== true && age >= REDISCOVERY_MS);
  }

  function startDiscovery(credential: Credential): Promise<void> {
    const running = discovering.get(credential.name);
    if (running !== undefined) return running;
    const pending = discover(credential)
      .then((ids) => {
        // A failed discovery does not discard an earlier result.
        if (open.some(({ name }) => name === credential.name))
          seen.set(credential.name, { ids: ids ?? seen.get(credential.name)?.ids, at: clock.now() });
        chosen.clear();
      })
      .finally(() => discovering.delete(credential.name));
    discovering.set(credential.name, pending);
    return pending;
  }

  function choose(id: string): readonly Credential[] {
    const known = chosen.get(id);
    if (known !== undefined) return known;
    const choice = computeChoice(id);
    chosen.set(id, choice);
    return choice;
  }

  function computeChoice(id: string): readonly Credential[] {
    const named = credentials.filter(({ covers }) => covers?.has(id) === true);
    const found = open.filter(({ name }) => seen.get(name)?.ids?.has(id) === true);
    const unknown = open.filter(({ name }) => seen.get(name)?.ids === undefined);
    return [...named, ...found, ...unknown];
  }

  return {
    all: () => credentials,
    replace(next) {
      credentials = next;
      open = openOf(next);
      chosen.clear();
      for (const name of seen.keys())
        if (!next.some((credential) => credential.name === name)) seen.delete(name);
    },
    candidatesFor(id) {
      if (open.length === 0) return choose(id);
      if (credentials.length === 1) return open;
      const due = open.filter((credential) => isDue(credential, id));
      if (due.length === 0) return choose(id);
      const pending = Promise.all(due.map(startDiscovery));
      // If a credential is known to fit, discovery runs in the background, for later requests.
      const sure = choose(id).filter(
        ({ name, covers }) => covers !== undefined || seen.get(name)?.ids !== undefined,
      );
      return sure.length > 0 ? sure : pending.then(() => choose(id));
    },
  };
}
