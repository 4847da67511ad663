import { LRUCache } from 'lru-cache';
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
  /** What a project holds, without touching its place in the order of use. */
  entries(project: string): Iterable<readonly [string, Entry<Value>]>;
  projects(): Iterable<string>;
  /** How much each project holds; the work grows with the projects, not with what they hold. */
  sizes(): Iterable<ProjectSize>;
}

/** An empty entry counts as well: the store takes no size of 0. */
const countedBytes = (entry: { readonly bytes: number }) => Math.max(1, entry.bytes);

/**
 * A least-recently-used store for each project, and the order in which projects were used. What is over a project's share leaves that
 * project's own store; what is over the whole budget leaves the store of the project that was not used for longest.
 */
export function createMemoryTier<Value>(
  options: { maxBytes: number; projectShare: number },
  onEvict: (reason: EvictionReason) => void,
): MemoryTier<Value> {
  const shareBytes = Math.max(1, Math.floor(options.maxBytes * options.projectShare));
  const stores = new Map<string, LRUCache<string, Entry<Value>>>();
  let bytes = 0;
  let size = 0;
  /** The project that was used last: it is where it belongs in the order already. */
  let latest: string | undefined;

  const createStore = () =>
    new LRUCache<string, Entry<Value>>({
      maxSize: shareBytes,
      sizeCalculation: countedBytes,
      dispose: (entry, _key, reason) => {
        bytes -= countedBytes(entry);
        size--;
        if (reason === 'evict') onEvict('project-share');
      },
    });

  const evictOldest = () => {
    for (const [project, store] of stores) {
      const oldest = store.rkeys().next();
      if (oldest.done !== true) {
        store.delete(oldest.value);
        onEvict('capacity');
      }
      if (store.size === 0) stores.delete(project);
      return;
    }
  };

  const drop = (project: string, store: LRUCache<string, Entry<Value>>) => {
    stores.delete(project);
    bytes -= store.calculatedSize;
    size -= store.size;
  };

  return {
    get(project, key) {
      const store = stores.get(project);
      if (store === undefined) return undefined;
      const entry = store.get(key);
      if (entry !== undefined && project !== latest) {
        latest = project;
        stores.delete(project);
        stores.set(project, store);
      }
      return entry;
    },
    set(project, key, entry) {
      if (entry.bytes > shareBytes) return false;
      const store = stores.get(project) ?? createStore();
      latest = project;
      stores.delete(project);
      stores.set(project, store);
      // Counted first: making room inside `set` already subtracts what leaves.
      bytes += countedBytes(entry);
      size++;
      store.set(key, entry);
      while (bytes > options.maxBytes) evictOldest();
      return true;
    },
    delete(project, key) {
      const store = stores.get(project);
      store?.delete(key);
      if (store?.size === 0) stores.delete(project);
    },
    dropProject(project) {
      const store = stores.get(project);
      if (store !== undefined) drop(project, store);
    },
    clear() {
      stores.clear();
      bytes = 0;
      size = 0;
    },
    get bytes() {
      return bytes;
    },
    get size() {
      return size;
    },
    entries: (project) => stores.get(project)?.entries() ?? [],
    projects: () => stores.keys(),
    *sizes() {
      for (const [project, { calculatedSize, size: entries }] of stores)
        yield { project, bytes: calculatedSize, entries };
    },
  };
}
