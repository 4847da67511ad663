import type { PageOptions } from '../../atlas/query.ts';
import type { Clock } from '../../lib/clock.ts';
import type { LoadClass } from '../../upstream/slot-queue.ts';
import { pageKey } from './cache-key.ts';
import type { Listing } from './listing.ts';

/** How a page is requested by itself. */
export interface OwnPageRequest {
  /** Monotonic milliseconds. */
  readonly deadlineAt: number;
  readonly loadClass: LoadClass;
}

export interface OwnPage {
  readonly page: Listing;
  /** Monotonic milliseconds. */
  readonly loadedAt: number;
}

export interface OwnPagesDependencies {
  readonly clock: Clock;
  /** Undefined if the page could not be loaded. */
  readonly load: (shape: PageOptions, request: OwnPageRequest) => Promise<Listing | undefined>;
  readonly onLoaded: (key: string, own: OwnPage) => void;
  /** Called only if something threw that must not. */
  readonly onError: (key: string, error: unknown) => void;
}

/** Pages that are loaded by themselves, in addition to the load of the whole list: each once for all requests that need it. */
export interface OwnPages {
  /** Loads a page, unless it is being loaded or was a short time ago. */
  request(shape: PageOptions, how: OwnPageRequest): void;
  find(key: string): OwnPage | undefined;
}

/** How long a page answers further requests, and how long one that failed is not requested again. */
const OWN_PAGE_MS = 5_000;
/** Pages of one load at the same time; further requests wait for the load. */
const MAX_OWN_PAGES = 32;

interface Requested {
  own?: OwnPage;
  /** Monotonic milliseconds; infinite while it is on its way. */
  expiresAt: number;
}

export function createOwnPages({ clock, load, onLoaded, onError }: OwnPagesDependencies): OwnPages {
  const requested = new Map<string, Requested>();

  function dropExpired(): void {
    for (const [key, { expiresAt }] of requested) if (expiresAt <= clock.now()) requested.delete(key);
  }

  async function loadInto(entry: Requested, shape: PageOptions, how: OwnPageRequest): Promise<void> {
    const loadedAt = clock.now();
    const page = await load(shape, how);
    entry.expiresAt = clock.now() + OWN_PAGE_MS;
    if (page === undefined) return;
    entry.own = { page, loadedAt };
    onLoaded(pageKey(shape), entry.own);
  }

  return {
    request(shape, how) {
      const key = pageKey(shape);
      dropExpired();
      if (requested.has(key) || requested.size >= MAX_OWN_PAGES) return;
      const entry: Requested = { expiresAt: Number.POSITIVE_INFINITY };
      requested.set(key, entry);
      loadInto(entry, shape, how).catch((error: unknown) => onError(key, error));
    },
    find(key) {
      dropExpired();
      return requested.get(key)?.own;
    },
  };
}
