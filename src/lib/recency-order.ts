/** An item of a recency order. */
export interface Placed<Item> {
  older: Item | undefined;
  newer: Item | undefined;
}

/** Both ends of a recency order. */
export interface UseOrder<Item> {
  oldest: Item | undefined;
  newest: Item | undefined;
}

// Linked through the items themselves, so that each operation takes constant time. The insertion order of a Map is not suitable: to find
// its first key, it scans all entries deleted before it.

/** Adds an item as the newest. */
export function append<Item extends Placed<Item>>(order: UseOrder<Item>, item: Item): void {
  item.older = order.newest;
  if (order.newest === undefined) order.oldest = item;
  else order.newest.newer = item;
  order.newest = item;
}

/** Removes an item from its order. */
export function remove<Item extends Placed<Item>>(order: UseOrder<Item>, item: Item): void {
  const { older, newer } = item;
  if (older === undefined) order.oldest = newer;
  else older.newer = newer;
  if (newer === undefined) order.newest = older;
  else newer.older = older;
  // A removed item must not reference the remaining ones, or the garbage collector may retain items through it.
  item.older = undefined;
  item.newer = undefined;
}

/** Moves a used item to the newest position. */
export function touch<Item extends Placed<Item>>(order: UseOrder<Item>, item: Item): void {
  if (order.newest === item) return;
  remove(order, item);
  append(order, item);
}

/** From the least to the most recently used item. */
export function* inOrder<Item extends Placed<Item>>({ oldest }: UseOrder<Item>): Iterable<Item> {
  for (let item = oldest; item !== undefined; item = item.newer) yield item;
}
