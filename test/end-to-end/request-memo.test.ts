import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { lists as operations } from '../support/lists.ts';
import { CALLER_KEY, linksOf, type Reply, type Running, startGateway } from '../support/running.ts';

/** What differs from one gateway to the next, and from one moment to the next. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['date', 'x-request-id', 'keep-alive', 'connection', 'age']);
const CONFIG = { listen: { port: 0, publicUrl: 'http://gateway.example' } };

function comparable({ status, headers, text }: Reply) {
  const told = Object.entries(headers)
    .filter(([name]) => !OWN_HEADERS.has(name))
    .map(([name, value]) => [name, value?.replace(/ttl=\d+|max-age=\d+|nonce="[^"]+"/g, 'changing')]);
  return { status, text, headers: Object.fromEntries(told) };
}

let remembering: Running;
let forgetful: Running;
beforeAll(async () => {
  remembering = await startGateway({ config: CONFIG });
  forgetful = await startGateway({ config: CONFIG, requestMemoBytes: 0 });
});
afterAll(async () => {
  await remembering.stop();
  await forgetful.stop();
});

/** The same request three times at each: loaded, from memory, from memory again. */
async function answersOf(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const all = [];
  for (let times = 0; times < 3; times++)
    all.push(
      [await remembering.get(path, headers, method), await forgetful.get(path, headers, method)].map(
        comparable,
      ),
    );
  return all;
}

const pathOf = ({ path }: { path: string }) =>
  path.replace(/\{(\w+)\}/g, (_whole, name: string) =>
    name === 'groupId' ? SAMPLE_PROJECTS.payments.id : '64b7c0ffee0000000000a0ff',
  );
const payments = SAMPLE_PROJECTS.payments;
type Request = [path: string, headers: Record<string, string>, method: string];
const shaped = (query: string): Request => [linksOf(payments, query), {}, 'GET'];
const asking = (headers: Record<string, string>, method = 'GET'): Request => [
  linksOf(payments),
  headers,
  method,
];
const REQUESTS: readonly Request[] = [
  ...['', '?pretty=true', '?envelope=true', '?itemsPerPage=7&pageNum=3', '?pageNum=400'].map(shaped),
  ...['?pageNum=0', '?x=1'].map(shaped),
  asking({ accept: 'application/vnd.atlas.2025-03-12+json' }),
  asking({ accept: 'application/json' }),
  asking({ 'accept-encoding': 'br' }),
  asking({ 'accept-encoding': 'gzip' }),
  asking({ 'if-none-match': '*' }),
  asking({ 'cache-control': 'only-if-cached' }),
  asking({ authorization: `Bearer ${CALLER_KEY}` }),
  [linksOf(SAMPLE_PROJECTS.orders), { authorization: `Bearer ${CALLER_KEY}` }, 'GET'],
  asking({ authorization: `Bearer ${CALLER_KEY.slice(0, -1)}2` }),
  asking({}, 'HEAD'),
  asking({}, 'POST'),
  ['/api/atlas/v2/groups', {}, 'GET'],
  ['/api/atlas/v2/nothing', {}, 'GET'],
];

describe('what was remembered of a request changes nothing of its answer', () => {
  test.each(REQUESTS)('%s %o %s', async (path, headers, method) => {
    for (const [remembered, read] of await answersOf(path, headers, method)) expect(remembered).toEqual(read);
  });

  test('for every list of the catalog', async () => {
    for (const operation of operations)
      for (const [remembered, read] of await answersOf(pathOf(operation))) expect(remembered).toEqual(read);
  });
});
