/** How many rows a page of the table may have. */
export const PAGE_SIZES = [25, 100, 500] as const;
export const DEFAULT_PAGE_SIZE = 100;

/** Reads `rows` from a page's query; anything but one of the sizes is the default. */
export function readPageSize(query: URLSearchParams): number {
  const wanted = query.get('rows');
  return PAGE_SIZES.find((size) => String(size) === wanted) ?? DEFAULT_PAGE_SIZE;
}
