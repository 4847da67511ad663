// Pages of lists in every shape, links that are followed, and page parameters that are wrong.
import { connectionsOf, listOf, ORGANIZATIONS } from '../atlas-world.mjs';

const BOOLEANS = ['true', 'false'];
const PAGES = [
  [1, 1],
  [1, 100],
  [2, 500],
  [3, 500],
  [13, 100],
  [4, 500],
  [9_999, 1],
];
const WRONG_QUERIES = [
  'pageNum=0',
  'pageNum=-1',
  'pageNum=one',
  'pageNum=1.5',
  'pageNum=',
  'pageNum=99999999999999999999',
  'itemsPerPage=0',
  'itemsPerPage=501',
  'itemsPerPage=-5',
  'itemsPerPage=1e2',
  'itemsPerPage=%31',
  'pretty=maybe',
  'pretty=TRUE',
  'pretty',
  'envelope=1',
  'includeCount=no',
  'pageNum=1&pageNum=2',
  'pretty=true&pretty=true',
  'pageNum=1;itemsPerPage=2',
  'unheardOf=1',
  '__proto__=1',
  'constructor=1',
  'snapshot=short',
  'snapshot=AAAAAAAAAAAA',
  'snapshot=AAAAAAAAAAAA&pageNum=2&itemsPerPage=10',
  '&&itemsPerPage=2&',
  'itemsPerPage=2&pageNum=2',
  'page%4eum=2&itemsPerPage=2',
  'itemsPerPage=2#fragment',
  'itemsPerPage=%zz',
  'itemsPerPage=%FF',
];

async function recordShapes(session, label, path, pages) {
  for (const [pageNum, itemsPerPage] of pages)
    for (const pretty of BOOLEANS)
      for (const envelope of BOOLEANS) {
        const query = `?pageNum=${pageNum}&itemsPerPage=${itemsPerPage}&pretty=${pretty}&envelope=${envelope}`;
        await session.ask(`${label}${query}`, `${path}${query}`);
      }
}

/** The list of private link connections does not know `includeCount`; most others do. */
async function recordCounts(session) {
  for (const includeCount of BOOLEANS)
    for (const pretty of BOOLEANS)
      for (const page of [
        '',
        '&itemsPerPage=5',
        '&itemsPerPage=5&pageNum=3',
        '&itemsPerPage=5&pageNum=99&envelope=true',
      ]) {
        const query = `?includeCount=${includeCount}&pretty=${pretty}${page}`;
        for (const project of ['orders', 'empty'])
          await session.ask(`clusters of ${project}${query}`, listOf(project, `clusters${query}`));
      }
}

const linkIn = (response, rel) => {
  const { links = [] } = JSON.parse(response.body.toString());
  const href = links.find((link) => link.rel === rel)?.href;
  return href === undefined ? undefined : href.slice(new URL(href).origin.length);
};

/** Follows `next` to the last page, and `previous` back from it. */
async function recordLinks(session, project, query) {
  let response = await session.ask(`${project}${query} followed`, connectionsOf(project, query));
  let page = 1;
  for (let link = linkIn(response, 'next'); link !== undefined; link = linkIn(response, 'next'))
    response = await session.ask(`${project}${query} followed to page ${++page}`, link);
  const back = linkIn(response, 'previous');
  if (back !== undefined) await session.ask(`${project}${query} followed back`, back);
}

/** Lists that are cached by the page, and lists across projects. */
async function recordOtherLists(session) {
  for (const query of [
    '',
    '?itemsPerPage=5',
    '?itemsPerPage=5&pageNum=2',
    '?itemsPerPage=5&pageNum=2&pretty=true',
    '?itemsPerPage=5&pageNum=99',
  ])
    await session.ask(`teams${query}`, listOf('orders', `teams${query}`));
  for (const query of ['', '?itemsPerPage=2', '?itemsPerPage=2&pageNum=2&pretty=true&envelope=true'])
    for (const path of ['groups', 'orgs', `orgs/${ORGANIZATIONS.store}/groups`, 'clusters', 'eventTypes'])
      await session.ask(`${path}${query}`, `/api/atlas/v2/${path}${query}`);
}

export async function recordPages({ open }) {
  const session = await open({
    name: 'pages',
    settings: {
      cache: { fresh: '1h', staleWhileRevalidate: '2h', operations: { listGroupTeams: { whole: false } } },
    },
  });
  await recordShapes(session, 'payments', connectionsOf('payments'), PAGES);
  await recordShapes(session, 'empty', connectionsOf('empty'), [
    [1, 100],
    [2, 1],
  ]);
  await recordCounts(session);
  for (const project of ['orders', 'search', 'ledger', 'single', 'hidden', 'unknown'])
    await session.ask(`${project} default`, connectionsOf(project));
  await recordLinks(session, 'payments', '?itemsPerPage=400&pretty=true');
  await recordLinks(session, 'orders', '?itemsPerPage=20');
  await recordLinks(session, 'ledger', '?itemsPerPage=500&envelope=true');
  for (const query of WRONG_QUERIES)
    await session.ask(`query ${query}`, connectionsOf('orders', `?${query}`));
  await recordOtherLists(session);
  await session.close();
  await recordLongLists(open);
}

/** A list with more than `cache.maxItems`, which is cached by the page. */
async function recordLongLists(open) {
  const session = await open({
    name: 'long lists',
    settings: { cache: { fresh: '1h', staleWhileRevalidate: '2h', maxItems: 600 } },
  });
  for (const query of [
    '?itemsPerPage=3',
    '?itemsPerPage=3',
    '?itemsPerPage=3&pageNum=2&pretty=true',
    '?itemsPerPage=500&pageNum=3',
    '?itemsPerPage=3&pageNum=999',
  ].entries())
    await session.ask(`request ${query[0] + 1} ${query[1]}`, connectionsOf('payments', query[1]));
  await session.ask('a list that is short enough', connectionsOf('ledger', '?itemsPerPage=3'));
  await session.close();
}
