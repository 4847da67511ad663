// Generates docs/operations.md, which documents all lists, from the catalog. With --check it only reports whether the page is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { operations as reads } from '../dist/atlas/operations.js';
import { answerScopeOf } from '../dist/gateway/auth/answer-scope.js';

const operations = reads.filter(({ kind }) => kind === 'list');
const PAGE = new URL('../docs/operations.md', import.meta.url);
const SHAPED = new Set(['pageNum', 'itemsPerPage', 'pretty', 'envelope', 'includeCount']);

const version = ({ name, sunset }) => (sunset === undefined ? name : `${name} (until ${sunset})`);
const grantedBy = {
  open: 'with `lists`, its tag or its name',
  secret: 'by name: may contain secrets',
  personal: 'by name: contains personal data',
  billing: 'by name: contains billing data',
};
const cachedAs = { whole: 'whole', page: 'by page' };
const row = (operation) =>
  [
    `\`${operation.id}\`${operation.alias === undefined ? '' : `<br>\`${operation.alias}\``}`,
    `\`${operation.path.replace('/api/atlas/v2', '')}\``,
    operation.versions.map(version).join(', '),
    operation.queryParameters.flatMap(({ name }) => (SHAPED.has(name) ? [] : [`\`${name}\``])).join(' '),
    cachedAs[operation.cacheUnit],
    grantedBy[operation.sensitivity],
  ].join(' | ');

const withScope = (type) =>
  operations.flatMap(({ id }) => (answerScopeOf(id).type === type ? [`\`${id}\``] : [])).join(', ');

const tags = [...new Set(operations.map(({ tag }) => tag))].sort();
const page = `# Lists

Generated from the catalog by \`npm run docs\`. Paths are relative to \`/api/atlas/v2\`. A caller may read a list if its \`operations\` grant it: with \`lists\`,
with the tag (the headings of this page), or with the operation's id or its older name. Lists that may contain secrets or personal data must be granted by id
or older name:

\`\`\`yaml
callers:
  - name: security
    projects: all
    operations: [lists, listGroupAlertConfigs]
\`\`\`

A list that is cached whole is loaded with one walk and then served in every page size and format. A list that is cached by page, because it is unbounded or
changes constantly, is loaded separately for each page and page size. \`cache.operations.<id>.whole\` overrides this for one list.

A list across projects (${withScope('cut')}) contains only the
items that the caller may read, with counts, pages, links and ETags to match. It is always filtered from the whole list: if that cannot be loaded, because it has more
than \`cache.maxItems\` items, callers that may not read all of it get 502 \`UPSTREAM_TOO_LARGE\`.

Some lists have items that mention several projects or organizations and cannot be filtered (${withScope('several')}).
Those granted only by name show data of all projects of the organization. The others require access to everything they mention: \`listOrgInvoices\` requires
\`organizations: all\`. Lists of a federation require \`all\` for both. \`listRateLimits\` requires access to every project and organization
in the request, and with \`userId\` or \`ipAddress\` \`all\` for both.
${tags
  .map(
    (tag) => `
## ${tag}

| operation | path | versions | filters | cached | granted |
| --- | --- | --- | --- | --- | --- |
${operations
  .filter((operation) => operation.tag === tag)
  .map((operation) => `| ${row(operation)} |`)
  .join('\n')}
`,
  )
  .join('')}`;

if (process.argv.includes('--check')) {
  const current = readFileSync(PAGE, 'utf8') === page;
  if (!current) process.stderr.write('docs/operations.md is out of date; run: npm run docs\n');
  process.exitCode = current ? 0 : 1;
} else writeFileSync(PAGE, page);
