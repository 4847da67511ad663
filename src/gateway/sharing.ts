import { z } from 'zod';
import { freshness, type Held, hold, type Lifetimes } from '../cache/freshness.ts';
import type { Demand, Loaded } from '../cache/list-cache.ts';
import type { Entry } from '../cache/memory-tier.ts';
import type { SharedCodec, SharedTier } from '../cache/shared-tier.ts';
import type { Clock } from '../lib/clock.ts';
import type { UpstreamFailure } from '../upstream/message.ts';
import { readListingRecord, writeListingRecord } from './listing-record.ts';
import { bytesOf, type Listing, LONG_LIST, LONG_LIST_BYTES } from './lists.ts';
import type { SharedLists, SharedQuestion } from './shared-lists.ts';

const LIST = 1;
const LONG = 2;
const longForm = z.object({
  project: z.string(),
  operation: z.string(),
  key: z.string(),
  loadedAt: z.number(),
  freshMs: z.number(),
  staleMs: z.number(),
  fallbackMs: z.number(),
});

/** A list as `listing-record` has it; that a list is too long to be held whole is said in a few words. */
export function createListingCodec(nextSerial: () => number): SharedCodec<Listing> {
  return {
    write({ value, ...record }) {
      switch (value.type) {
        case 'list': {
          const { serial: _serial, type: _type, ...list } = value;
          return Buffer.concat([Buffer.of(LIST), writeListingRecord({ ...record, list })]);
        }
        case 'long':
          return Buffer.concat([Buffer.of(LONG), Buffer.from(JSON.stringify(record))]);
      }
    },
    read(bytes) {
      const rest = bytes.subarray(1);
      if (bytes[0] === LIST) {
        const record = readListingRecord(rest);
        if (record === undefined) return undefined;
        const { list, ...told } = record;
        return {
          ...told,
          value: { type: 'list', serial: nextSerial(), ...list },
          bytes: bytesOf(list.items),
        };
      }
      if (bytes[0] !== LONG) return undefined;
      try {
        return { ...longForm.parse(JSON.parse(rest.toString())), value: LONG_LIST, bytes: LONG_LIST_BYTES };
      } catch {
        return undefined;
      }
    },
  };
}

/** The part of a load's time for which another gateway's load is waited for; the rest is enough for an own one. */
const WAIT_PART = 0.5;

/** `identityOf`: the id behind a credential's name, so that gateways that call two credentials the same do not mix up what those see. */
export function createSharing(
  { identityOf }: { identityOf: (credential: string) => string },
  { tier, clock }: { tier: SharedTier<Listing>; clock: Clock },
): SharedLists<Listing> {
  const keyOf = ({ key, credentials }: SharedQuestion) => JSON.stringify([credentials.map(identityOf), key]);

  /** How long it may be served is for this gateway's configuration to say. */
  const heldHere = ({ value, held }: Entry<Listing>, lifetimes: Lifetimes): Held =>
    value.type === 'long' ? held : hold(held.loadedAt, lifetimes);

  const tooOld = ({ maxAgeMs, maxStaleMs = 0 }: Demand, { loadedAt }: Held) =>
    maxAgeMs !== undefined && clock.now() - loadedAt > maxAgeMs + maxStaleMs;

  const found = (entry: Entry<Listing>, held: Held, failure?: UpstreamFailure): Loaded<Listing> => ({
    type: 'loaded',
    value: entry.value,
    bytes: entry.bytes,
    shared: { held, ...(failure === undefined ? {} : { failure }) },
  });

  function keep(loaded: Loaded<Listing>, { operation, lifetimes }: SharedQuestion) {
    switch (loaded.type) {
      case 'failed':
        return 'nothing';
      case 'refused':
        return loaded.meaning === 'gone' ? 'discard' : 'nothing';
      case 'loaded': {
        const { value, bytes, shared } = loaded;
        if (shared !== undefined) return 'nothing';
        return { value, bytes, operation, held: hold(clock.now(), loaded.lifetimes ?? lifetimes) };
      }
    }
  }

  /** Asks Atlas whatever others have, and tells them what came of it. */
  async function loadForAll(
    question: SharedQuestion,
    load: () => Promise<Loaded<Listing>>,
  ): Promise<Loaded<Listing>> {
    const { sequence } = tier;
    const loaded = await load();
    const kept = keep(loaded, question);
    if (kept === 'discard') void tier.delete(question.part, keyOf(question));
    else if (kept !== 'nothing') void tier.set(question.part, keyOf(question), { ...kept, sequence });
    return loaded;
  }

  return {
    async load(loading, load) {
      const { part, operation, demand, purpose, cold, deadlineAt, lifetimes } = loading;
      const now = clock.now();
      if (demand.noCache && purpose === 'foreground') return loadForAll(loading, load);
      let last: { entry: Entry<Listing>; held: Held } | undefined;
      return tier.through<Loaded<Listing>>({
        project: part,
        operation,
        key: keyOf(loading),
        waitUntil: now + (deadlineAt - now) * WAIT_PART,
        accept(entry) {
          const held = heldHere(entry, lifetimes);
          const state = freshness(held, clock.now());
          if (state === 'expired') return undefined;
          last = { entry, held };
          const good = state === 'fresh' || (state === 'stale' && purpose === 'foreground');
          return good && !tooOld(demand, held) ? found(entry, held) : undefined;
        },
        async load() {
          const loaded = await load();
          if (loaded.type !== 'failed' || !cold || last === undefined) return loaded;
          return found(last.entry, last.held, loaded);
        },
        keep: (loaded) => keep(loaded, loading),
      });
    },
    async find(question) {
      const entry = await tier.get(question.part, keyOf(question));
      if (entry === undefined) return undefined;
      const held = heldHere(entry, question.lifetimes);
      const state = freshness(held, clock.now());
      const served = state === 'fresh' || state === 'stale';
      return served && !tooOld(question.demand, held) ? { value: entry.value, held } : undefined;
    },
  };
}
