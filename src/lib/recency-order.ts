/** Has a place in an order of use. */
export interface Placed<Item> {
  older: Item | undefined;
  newer: Item | undefined;
}

/** The ends of an order of use. */
export interface UseOrder<Item> {
  oldest: Item | undefined;
  newest: Item | undefined;
}

// Linked through the items themselves: each step costs the same however many there are. The insertion order of a Map would not do, as its
// first key is looked for behind all that were deleted before it.

/** Puts an item that has no place yet behind all others. */
export function append<Item extends Placed<Item>>(order: UseOrder<Item>, item: Item): void {
  item.older = order.newest;
  if (order.newest === undefined) order.oldest = item;
  else order.newest.newer = item;
  order.newest = item;
}

/** Takes an item out of the order it has a place in. */
export function remove<Item extends Placed<Item>>(order: UseOrder<Item>, item: Item): void {
  const { older, newer } = item;
  if (older === undefined) order.oldest = newer;
  else older.newer = newer;
  if (newer === undefined) order.newest = older;
  else newer.older = older;
  // What has left must not hold on to what stays: the garbage collector would take one for the other's sake to live on.
  item.older = undefined;
  item.newer = undefined;
}

/** An item was used: it is the newest from now on. */
export function touch<Item extends Placed<Item>>(order: UseOrder<Item>, item: Item): void {
  if (order.newest === item) return;
  remove(order, item);
  append(order, item);
}

/** From the one that was not used for longest to the one that was used last. */
export function* inOrder<Item extends Placed<Item>>({ oldest }: UseOrder<Item>): Iterable<Item> {
  for (let item = oldest; item !== undefined; item = item.newer) yield item;
}
