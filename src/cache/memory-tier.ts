import { append, inOrder, type Placed, remove, touch, type UseOrder } from '../lib/use-order.ts';
import type { Held } from './freshness.ts';

/** What is kept: a value, when it may be served how, and which purges it has outlived. */
export interface Entry<Value> {
  readonly value: Value;
  readonly held: Held;
  /** Bytes it is counted with; at least 1. */
  readonly bytes: number;
  /** The operation it answers, where purges ask for it. */
  readonly operation?: string;
  /** The purge sequence when its load began: a later purge of its kind makes it void. */
  readonly sequence: number;
}

/** Why an entry left before anyone asked it to. */
export type EvictionReason = 'capacity' | 'project-share';

/** What one project holds. */
export interface ProjectSize {
  readonly project: string;
  readonly bytes: number;
  readonly entries: number;
}

/** Entries in memory, by project and key, bounded in bytes as a whole and for each project. */
export interface MemoryTier<Value> {
  get(project: string, key: string): Entry<Value> | undefined;
  /** False where the entry is larger than a project's share and was not kept. */
  set(project: string, key: string, entry: Entry<Value>): boolean;
  delete(project: string, key: string): void;
  /** Lets go of everything a project holds; the work does not grow with it. */
  dropProject(project: string): void;
  clear(): void;
  readonly bytes: number;
  readonly size: number;
  /** What a project holds, what was used last at the end, without touching the order of use. Nothing may leave meanwhile, nor below. */
  entries(project: string): Iterable<readonly [string, Entry<Value>]>;
  projects(): Iterable<string>;
  /** How much each project holds; the work grows with the projects, not with what they hold. */
  sizes(): Iterable<ProjectSize>;
}

/** An entry in its project's order of use. */
interface Slot<Value> extends Placed<Slot<Value>> {
  readonly key: string;
  entry: Entry<Value>;
}

/** What a project holds, in the order of its use, and itself in the order of projects. */
interface Part<Value> extends UseOrder<Slot<Value>>, Placed<Part<Value>> {
  readonly project: string;
  readonly slots: Map<string, Slot<Value>>;
  bytes: number;
}

/** An empty entry counts as well. */
const countedBytes = (entry: { readonly bytes: number }) => Math.max(1, entry.bytes);

/**
 * An order of use for each project, and one of the projects. What is over a project's share leaves that project, what was not used for
 * longest first; what is over the whole budget leaves the project that was not used for longest.
 */
export function createMemoryTier<Value>(
  options: { maxBytes: number; projectShare: number },
  onEvict: (reason: EvictionReason) => void,
): MemoryTier<Value> {
  const shareBytes = Math.max(1, Math.floor(options.maxBytes * options.projectShare));
  const parts = new Map<string, Part<Value>>();
  let order: UseOrder<Part<Value>> = { oldest: undefined, newest: undefined };
  let bytes = 0;
  let size = 0;

  function partFor(project: string): Part<Value> {
    const known = parts.get(project);
    if (known !== undefined) {
      touch(order, known);
      return known;
    }
    const part: Part<Value> = {
      project,
      slots: new Map(),
      bytes: 0,
      oldest: undefined,
      newest: undefined,
      older: undefined,
      newer: undefined,
    };
    parts.set(project, part);
    append(order, part);
    return part;
  }

  function count(part: Part<Value>, more: number): void {
    part.bytes += more;
    bytes += more;
  }

  function drop(part: Part<Value>): void {
    parts.delete(part.project);
    remove(order, part);
    bytes -= part.bytes;
    size -= part.slots.size;
  }

  function take(part: Part<Value>, slot: Slot<Value>): void {
    part.slots.delete(slot.key);
    remove(part, slot);
    count(part, -countedBytes(slot.entry));
    size--;
    if (part.slots.size === 0) drop(part);
  }

  function evict(part: Part<Value> | undefined, reason: EvictionReason): void {
    if (part?.oldest === undefined) return;
    take(part, part.oldest);
    onEvict(reason);
  }

  return {
    get(project, key) {
      const part = parts.get(project);
      const slot = part?.slots.get(key);
      if (part === undefined || slot === undefined) return undefined;
      touch(part, slot);
      touch(order, part);
      return slot.entry;
    },
    set(project, key, entry) {
      if (entry.bytes > shareBytes) return false;
      const part = partFor(project);
      const known = part.slots.get(key);
      if (known === undefined) {
        const slot = { key, entry, older: undefined, newer: undefined };
        part.slots.set(key, slot);
        append(part, slot);
        size++;
      } else {
        count(part, -countedBytes(known.entry));
        known.entry = entry;
        touch(part, known);
      }
      count(part, countedBytes(entry));
      while (part.bytes > shareBytes) evict(part, 'project-share');
      while (bytes > options.maxBytes) evict(order.oldest, 'capacity');
      return true;
    },
    delete(project, key) {
      const part = parts.get(project);
      const slot = part?.slots.get(key);
      if (part !== undefined && slot !== undefined) take(part, slot);
    },
    dropProject(project) {
      const part = parts.get(project);
      if (part !== undefined) drop(part);
    },
    clear() {
      parts.clear();
      order = { oldest: undefined, newest: undefined };
      bytes = 0;
      size = 0;
    },
    get bytes() {
      return bytes;
    },
    get size() {
      return size;
    },
    *entries(project) {
      const part = parts.get(project);
      if (part === undefined) return;
      for (const { key, entry } of inOrder(part)) yield [key, entry] as const;
    },
    *projects() {
      for (const { project } of inOrder(order)) yield project;
    },
    *sizes() {
      for (const { project, bytes: held, slots } of inOrder(order))
        yield { project, bytes: held, entries: slots.size };
    },
  };
}
