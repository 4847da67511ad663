import type { Clock } from '../../lib/clock.ts';
import type { Send } from '../../upstream/message.ts';

/** A credential and what the configuration says it is for. */
export interface Credential {
  readonly name: string;
  readonly send: Send;
  /** How many times as long as usual lists of this set and scope count as fresh, because its rate limit is nearly spent. */
  readonly freshnessFactor: (endpointSet: string, scope: string) => number;
  /** Project and organization ids it is asked about; absent: those Atlas lets it see. */
  readonly covers?: ReadonlySet<string>;
}

/** Which credentials may be asked about something, the best first. */
export interface Credentials {
  /** Those for a project or organization; a promise only while it is being found out who sees it. */
  candidatesFor(id: string): readonly Credential[] | Promise<readonly Credential[]>;
  /** All of them: a list across projects is put together from what each of them sees. */
  all(): readonly Credential[];
}

/** Ids of the projects and organizations a credential sees, or undefined where Atlas does not say. */
export type Discover = (credential: Credential) => Promise<ReadonlySet<string> | undefined>;

/** How long what was discovered is believed, and how soon an unknown id has it asked anew. */
const DISCOVERY_TTL_MS = 600_000;
const ASK_AGAIN_MS = 60_000;
const MAX_CHOICES = 10_000;

interface Seen {
  readonly ids: ReadonlySet<string> | undefined;
  readonly at: number;
}

/**
 * Credentials that name their projects come first, then those found to see it. Atlas is asked what a credential sees only where that
 * decides between several: a single one without projects is simply asked. What Atlas does not say keeps a credential in the choice.
 */
export function createCredentials(
  credentials: readonly Credential[],
  { clock, discover }: { clock: Clock; discover: Discover },
): Credentials {
  const open = credentials.filter(({ covers }) => covers === undefined);
  const seen = new Map<string, Seen>();
  const asking = new Map<string, Promise<void>>();
  /** Choices made since something was last discovered. The same choice is the same array. */
  const chosen = new Map<string, readonly Credential[]>();

  function isDue(credential: Credential, id: string): boolean {
    const known = seen.get(credential.name);
    if (known === undefined) return true;
    const age = clock.now() - known.at;
    return age >= DISCOVERY_TTL_MS || (known.ids?.has(id) !== true && age >= ASK_AGAIN_MS);
  }

  function startDiscovery(credential: Credential): Promise<void> {
    const under = asking.get(credential.name);
    if (under !== undefined) return under;
    const pending = discover(credential)
      .then((ids) => {
        // An answer that failed does not unsay an older one.
        seen.set(credential.name, { ids: ids ?? seen.get(credential.name)?.ids, at: clock.now() });
        chosen.clear();
      })
      .finally(() => asking.delete(credential.name));
    asking.set(credential.name, pending);
    return pending;
  }

  function choose(id: string): readonly Credential[] {
    const known = chosen.get(id);
    if (known !== undefined) return known;
    const choice = chooseAnew(id);
    if (chosen.size >= MAX_CHOICES) chosen.clear();
    chosen.set(id, choice);
    return choice;
  }

  function chooseAnew(id: string): readonly Credential[] {
    const named = credentials.filter(({ covers }) => covers?.has(id) === true);
    const found = open.filter(({ name }) => seen.get(name)?.ids?.has(id) === true);
    const unknown = open.filter(({ name }) => seen.get(name)?.ids === undefined);
    return [...named, ...found, ...unknown];
  }

  return {
    all: () => credentials,
    candidatesFor(id) {
      if (open.length === 0) return choose(id);
      if (credentials.length === 1) return open;
      const due = open.filter((credential) => isDue(credential, id));
      if (due.length === 0) return choose(id);
      const pending = Promise.all(due.map(startDiscovery));
      // With an answer at hand a new one is only made ready for those who come later.
      const sure = choose(id).filter(
        ({ name, covers }) => covers !== undefined || seen.get(name)?.ids !== undefined,
      );
      return sure.length > 0 ? sure : pending.then(() => choose(id));
    },
  };
}
