// Every operation of the catalog in every version, its filters, formats and errors, for callers that may and may not read it.
import { ORGANIZATIONS, PROJECTS } from '../atlas-world.mjs';
import { callerKey } from '../caller-keys.mjs';
import { headerOf } from '../http-client.mjs';
import { pathOf, queryOf, sampleOf, wrongValueOf } from '../operations.mjs';

const AUDITOR = callerKey('Auditor');
const OUTSIDER = callerKey('Outsider');

const settingsFor = (operations) => ({
  callers: [
    {
      name: 'auditor',
      keys: [{ id: AUDITOR.id, sha256: AUDITOR.sha256 }],
      projects: 'all',
      organizations: 'all',
      operations: operations.map(({ id }) => id),
    },
    {
      name: 'outsider',
      keys: [{ id: OUTSIDER.id, sha256: OUTSIDER.sha256 }],
      projects: [PROJECTS.single],
      organizations: [ORGANIZATIONS.lab],
    },
  ],
});

/** Small pages keep the recording small. */
const pageOf = ({ pageParameters }, itemsPerPage) =>
  pageParameters.has('itemsPerPage') ? { itemsPerPage } : {};

async function recordVersions(ask, operation, path) {
  const target = path + queryOf(operation, pageOf(operation, 3));
  for (const version of operation.versions) {
    const response = await ask(`version ${version}`, target, { headers: { accept: version } });
    const ifNoneMatch = headerOf(response, 'etag') ?? '"none"';
    await ask(`version ${version} again`, target, { headers: { accept: version } });
    await ask(`version ${version} not modified`, target, {
      headers: { accept: version, 'if-none-match': ifNoneMatch },
    });
  }
  for (const accept of [
    '*/*',
    'application/json',
    'application/vnd.atlas.2022-01-01+json',
    'application/vnd.atlas.2031-01-01+json',
    'text/html',
  ])
    await ask(`accept ${accept}`, target, { headers: { accept } });
}

async function recordShapes(ask, operation, path) {
  const shape = Object.fromEntries(
    [...operation.pageParameters]
      .map((name) => [
        name,
        { pageNum: 2, itemsPerPage: 2, pretty: true, envelope: true, includeCount: false }[name],
      ])
      .filter(([, value]) => value !== undefined),
  );
  const target = path + queryOf(operation, shape);
  await ask('second page in another shape', target);
  await ask('second page in another shape, compressed', target, { headers: { 'accept-encoding': 'gzip' } });
  await ask('head', path + queryOf(operation), { method: 'HEAD' });
  if (operation.filters.length > 0) await ask('without any filter', path);
}

async function recordFilters(ask, operation, path) {
  for (const filter of operation.filters) {
    const page = pageOf(operation, 1);
    await ask(
      `filter ${filter.name}`,
      path + queryOf(operation, { ...page, [filter.name]: sampleOf(filter) }),
    );
    await ask(`filter ${filter.name} empty`, path + queryOf(operation, { ...page, [filter.name]: '' }));
    const wrong = wrongValueOf(filter);
    if (wrong !== undefined)
      await ask(`filter ${filter.name} wrong`, path + queryOf(operation, { [filter.name]: wrong }));
  }
}

async function recordErrors(ask, operation, path) {
  await ask('unknown parameter', path + queryOf(operation, { unheardOf: 1 }));
  for (const method of ['POST', 'DELETE']) await ask(`method ${method}`, path, { method });
  await ask('trailing slash', `${path}/`);
  for (const parameter of operation.pathParameters) {
    const wrong = pathOf(operation, { [parameter.name]: 'not%20accepted%21' });
    await ask(`wrong ${parameter.name}`, wrong + queryOf(operation));
  }
  const elsewhere = { groupId: PROJECTS.unknown, orgId: ORGANIZATIONS.lab };
  if (operation.pathParameters.some(({ name }) => elsewhere[name] !== undefined))
    await ask('of another project', pathOf(operation, elsewhere) + queryOf(operation, pageOf(operation, 1)));
  await ask('as an outsider', path + queryOf(operation, pageOf(operation, 1)), {
    headers: { authorization: OUTSIDER.bearer },
  });
  await ask('anonymously', path + queryOf(operation, pageOf(operation, 1)), {
    headers: { authorization: undefined },
  });
}

/** Without undefined values: they stand for headers that are left out. */
const present = (headers) =>
  Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));

export async function recordCatalog({ open, operations }) {
  const session = await open({ name: 'catalog', settings: settingsFor(operations) });
  for (const operation of operations) {
    const usual = { authorization: AUDITOR.bearer, accept: operation.versions.at(-1) };
    const ask = (label, target, options = {}) =>
      session.askBare(`${operation.id} ${label}`, target, {
        ...options,
        headers: present({ ...usual, ...options.headers }),
      });
    const path = pathOf(operation);
    await recordVersions(ask, operation, path);
    await recordShapes(ask, operation, path);
    await recordFilters(ask, operation, path);
    await recordErrors(ask, operation, path);
  }
  await session.close();
}
