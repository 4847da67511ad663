import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { type Clock, pause } from '../../lib/clock.ts';
import { fetchOnce } from '../../upstream/dispatcher.ts';
import type { ProxyAddress } from '../../upstream/proxy-address.ts';

/** Where an issuer publishes its keys. */
export interface KeySetLocation {
  readonly url: URL;
  /** Absent: the key server is reached directly. */
  readonly proxy?: ProxyAddress | undefined;
}

/** The keys of issuers, by the location of their key set. They survive configuration changes that keep the location. */
export interface IssuerKeys {
  /** Looks up the key that a JWT names. Rejects with `IssuerKeysUnavailable` if it is unknown and the key server fails. */
  keysOf(location: KeySetLocation): JWTVerifyGetKey;
  /** Discards the keys of all other locations. */
  retain(locations: readonly KeySetLocation[]): void;
}

/** Fetches a key set; `signal` aborts it. Rejects unless the key server responds with JSON. */
export type FetchKeySet = (location: KeySetLocation, signal: AbortSignal) => Promise<unknown>;

/** The key server failed, so the token can be neither accepted nor rejected. */
export class IssuerKeysUnavailable extends Error {
  readonly code = 'ISSUER_KEYS_UNAVAILABLE';
}

/** Minimum interval between fetches of one key set, whether they succeed or fail and however many unknown key ids arrive. */
const COOLDOWN_MS = 30_000;
const FETCH_TIMEOUT_MS = 5_000;
/** Keys of this age are refreshed in the background. */
const REFRESH_AFTER_MS = 300_000;
/** Keys of this age are used only after a refresh attempt, so that a withdrawn key is rejected after ten minutes at the latest. */
const MAX_AGE_MS = 600_000;
/** How long a request waits for that refresh while the key server is failing. */
const FAILING_WAIT_MS = 1_000;
const MAX_KEY_SET_BYTES = 1_048_576;

async function readBounded(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_KEY_SET_BYTES) throw new Error('the key set is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Fetches over HTTP; redirects are not followed. */
export const fetchKeySet: FetchKeySet = ({ url, proxy }, signal) =>
  fetchOnce(url, {
    proxy: proxy && { ...proxy, timeoutMs: FETCH_TIMEOUT_MS },
    userAgent: 'atlas-gateway',
    accept: 'application/json, application/jwk-set+json',
    signal,
    async read({ status, body }): Promise<unknown> {
      if (status !== 200) throw new Error(`the key server responded with status ${status}`);
      return JSON.parse(body === null ? '' : await readBounded(body));
    },
  });

const isKeySet = (value: unknown): value is JSONWebKeySet =>
  typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys);

/** One key set, fetched when a token first needs it. Known keys stay in use while the key server is down. */
function createRemoteKeys(
  location: KeySetLocation,
  { clock, fetchSet }: { clock: Clock; fetchSet: FetchKeySet },
): JWTVerifyGetKey {
  let known: { readonly find: JWTVerifyGetKey; readonly fetchedAt: number } | undefined;
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let failing = false;
  let fetching: Promise<void> | undefined;

  async function fetchOnce(): Promise<void> {
    const abort = new AbortController();
    const cancelTimeout = clock.after(FETCH_TIMEOUT_MS, () => abort.abort());
    try {
      const set = await fetchSet(location, abort.signal);
      if (!isKeySet(set)) throw new Error('the key server did not respond with a key set');
      known = { find: createLocalJWKSet(set), fetchedAt: clock.now() };
      failing = false;
    } catch {
      // After any failure, known keys stay in use and the next attempt waits for the cooldown.
      failing = true;
    } finally {
      cancelTimeout();
      fetching = undefined;
    }
  }

  /** Joins the fetch in progress or starts one, unless the last one started less than a cooldown ago. */
  function refresh(): Promise<void> | undefined {
    if (fetching === undefined && clock.now() - attemptedAt >= COOLDOWN_MS) {
      attemptedAt = clock.now();
      fetching = fetchOnce();
    }
    return fetching;
  }

  /** Refreshes old keys and waits if they are too old to use, but only briefly while the key server is failing. */
  async function refreshOld(fetchedAt: number): Promise<void> {
    const ageMs = clock.now() - fetchedAt;
    if (ageMs < REFRESH_AFTER_MS) return;
    const refreshed = refresh();
    if (ageMs < MAX_AGE_MS || refreshed === undefined) return;
    await (failing ? Promise.race([refreshed, pause(clock, FAILING_WAIT_MS)]) : refreshed);
  }

  async function findKnown(...[header, token]: Parameters<JWTVerifyGetKey>) {
    if (known === undefined) throw new IssuerKeysUnavailable();
    return known.find(header, token);
  }

  return async (header, token) => {
    if (known === undefined) await refresh();
    else await refreshOld(known.fetchedAt);
    try {
      return await findKnown(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // The issuer may have added a key since the last fetch.
      await refresh();
      if (failing) throw new IssuerKeysUnavailable();
      return findKnown(header, token);
    }
  };
}

const nameOf = ({ url, proxy }: KeySetLocation): string => JSON.stringify([url.href, proxy]);

export function createIssuerKeys({ clock, fetchSet }: { clock: Clock; fetchSet: FetchKeySet }): IssuerKeys {
  const byLocation = new Map<string, JWTVerifyGetKey>();
  return {
    keysOf(location) {
      const name = nameOf(location);
      const keys = byLocation.get(name) ?? createRemoteKeys(location, { clock, fetchSet });
      byLocation.set(name, keys);
      return keys;
    },
    retain(locations) {
      const retained = new Set(locations.map(nameOf));
      for (const name of byLocation.keys()) if (!retained.has(name)) byLocation.delete(name);
    },
  };
}
