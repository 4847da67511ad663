import { expect, test } from 'vitest';
import { createFakeClock } from '../support/fake-clock.ts';
import { type AskOptions, createRequestGateway } from '../support/request-gateway.ts';

const ID = 'a'.repeat(24);
const LINKS = `/api/atlas/v2/groups/${ID}/streams/privateLinkConnections`;
const EVENTS = `/api/atlas/v2/groups/${ID}/events`;

async function refused(target: string, options: AskOptions = {}) {
  const exchange = () => Promise.reject(new Error('Atlas is not asked'));
  const reply = await createRequestGateway({ exchange }, { clock: createFakeClock() }).ask(target, options);
  const { detail, parameters } = JSON.parse(reply.text);
  return { status: reply.status, detail, parameters };
}

const INVALID = 'Invalid accept header or version date.';
const VERSIONS =
  'listGroupStreamPrivateLinkConnections has the version 2023-02-01: send Accept: application/vnd.atlas.2023-02-01+json.';

test.each([
  ['', `${INVALID} The Accept header is missing. ${VERSIONS}`],
  ['*/*', `${INVALID} The Accept header names no valid API version. ${VERSIONS}`],
  [
    'application/vnd.atlas.2023-02-30+json',
    `${INVALID} The Accept header names no valid API version. ${VERSIONS}`,
  ],
])('406 for the Accept header "%s" says what is wrong and which versions exist', async (accept, detail) => {
  expect(await refused(LINKS, { accept })).toEqual({ status: 406, detail, parameters: [] });
});

test('406 lists all versions of the operation, and shows the newest one', async () => {
  const { detail } = await refused(`/api/atlas/v2/groups/${ID}/clusters`, { accept: '*/*' });
  expect(detail).toContain('listGroupClusters has the versions 2023-01-01, 2023-02-01, 2024-08-05');
});

test.each([
  [`${LINKS}?itemsPerPage=501`, 'itemsPerPage', 'itemsPerPage must be a whole number from 1 to 500.'],
  [`${LINKS}?pretty=yes`, 'pretty', 'pretty must be true or false.'],
  [`${LINKS}?pageNum=1&pageNum=2`, 'pageNum', 'pageNum appears in the query more than once.'],
  [
    `${LINKS}?pagenum=2`,
    'pagenum',
    "listGroupStreamPrivateLinkConnections has no query parameter of that name: did you mean 'pageNum'? It has envelope, itemsPerPage, pageNum, pretty.",
  ],
])('400 for %s names the parameter and what it may be', async (target, parameter, sentence) => {
  expect(await refused(target)).toEqual({
    status: 400,
    detail: `Invalid query parameter ${parameter} specified. ${sentence}`,
    parameters: [parameter],
  });
});

test('400 for a query that cannot be split into parameters names none', async () => {
  expect(await refused(`${LINKS}?pretty=true;x`)).toEqual({
    status: 400,
    detail: 'The query contains a character that must be percent-encoded.',
    parameters: [],
  });
});

test('400 for an id in the path says what an id is', async () => {
  expect(await refused(LINKS.replace(ID, 'my-project'))).toEqual({
    status: 400,
    detail: 'groupId in the path must be 24 hexadecimal digits in lower case.',
    parameters: ['groupId'],
  });
});

test('405 says that the gateway is read-only, and where writes go', async () => {
  const { status, detail } = await refused(EVENTS, { method: 'POST' });
  expect(status).toBe(405);
  expect(detail).toContain('This gateway is read-only: use GET or HEAD. Send writes to Atlas itself');
});

test('501 for a write to a path that is not served says so too', async () => {
  const { status, detail } = await refused('/api/atlas/v2/nothing', { method: 'POST' });
  expect(status).toBe(501);
  expect(detail).toContain('This gateway is read-only');
});
