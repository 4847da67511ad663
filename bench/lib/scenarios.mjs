// The scenarios: a cached list, and the requests that are sent in turn.
import { ACCEPT, listPath, projectId } from './atlas.mjs';

const PROJECT = projectId(1);
const path = listPath(PROJECT);

/** `count` is the length of the list; `coding` is requested and expected; `unchanged` sends the ETag of the first response. */
const one = (name, title, short, count, query, more = {}) => ({
  name,
  title,
  short,
  lists: { [PROJECT]: count },
  targets: [`${path}${query}`],
  headers: { Accept: ACCEPT },
  ...more,
});

/** Typical page sizes and numbers of dashboards, scripts and SDKs. */
const SHAPES = [10, 20, 25, 50, 75, 100, 120, 150, 200, 250].flatMap((size) =>
  [1, 2, 3, 4, 5].map((page) => `?itemsPerPage=${size}&pageNum=${page}`),
);

export const SCENARIOS = [
  one('hits-4', 'Hits, 4 items', '4 items', 4, ''),
  one('hits-100', 'Hits, 100 items', '100 items', 100, ''),
  one('hits-500', 'Hits, 500 items', '500 items', 500, '?itemsPerPage=500'),
  one('unchanged', '304 to If-None-Match, 100 items', '304 to If-None-Match', 100, '', { unchanged: true }),
  one('gzip', 'Hits in gzip, 100 items', '100 items, gzip', 100, '', { coding: 'gzip' }),
  one('br', 'Hits in br, 100 items', '100 items, br', 100, '', { coding: 'br' }),
  {
    ...one('mixed', 'Hits, 50 pages of a list of 500 items in turn', '50 pages in turn', 500, ''),
    targets: SHAPES.map((query) => `${path}${query}`),
  },
];
