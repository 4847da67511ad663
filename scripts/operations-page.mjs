// Writes docs/operations.md, the page of all lists, from the catalog; with --check it only says whether the page is the one of this version.
import { readFileSync, writeFileSync } from 'node:fs';
import { operations } from '../dist/atlas/operations.js';
import { answerScopeOf } from '../dist/gateway/auth/answer-scope.js';

const PAGE = new URL('../docs/operations.md', import.meta.url);
const SHAPED = new Set(['pageNum', 'itemsPerPage', 'pretty', 'envelope', 'includeCount']);

const version = ({ name, sunset }) => (sunset === undefined ? name : `${name} (until ${sunset})`);
const open = {
  open: 'with `lists`, its tag or its name',
  secret: 'by name: may hold secrets',
  personal: 'by name: names people',
};
const held = { whole: 'whole', page: 'by the page' };
const row = (operation) =>
  [
    `\`${operation.id}\`${operation.alias === undefined ? '' : `<br>\`${operation.alias}\``}`,
    `\`${operation.path.replace('/api/atlas/v2', '')}\``,
    operation.versions.map(version).join(', '),
    operation.queryParameters.flatMap(({ name }) => (SHAPED.has(name) ? [] : [`\`${name}\``])).join(' '),
    held[operation.cacheUnit],
    open[operation.sensitivity],
  ].join(' | ');

const withScope = (type) =>
  operations.flatMap(({ id }) => (answerScopeOf(id).type === type ? [`\`${id}\``] : [])).join(', ');

const tags = [...new Set(operations.map(({ tag }) => tag))].sort();
const page = `# Lists

Generated from the catalog by \`npm run docs\`. Paths are below \`/api/atlas/v2\`. A caller may read a list that is opened to it: with \`lists\` in
\`operations\`, with the tag (the headings here), or by the operation's id or older name. Lists that may hold secrets or name people are opened by id or older
name only:

\`\`\`yaml
callers:
  - name: security
    projects: all
    operations: [lists, listGroupAlertConfigs]
\`\`\`

A list that is held whole answers every page and form after one walk. One that is held by the page, because it has no end or changes all the time, is asked for
once for each page and size. \`cache.operations.<id>.whole\` decides otherwise for one list.

A list across projects (${withScope('cut')}) contains for each caller only
the items it may see, with counts, pages, links and tags of its own. It is always filtered from the whole list: where that cannot be loaded, because it has more than
\`cache.maxItems\` items, callers that do not see all of it get 502 \`UPSTREAM_TOO_LARGE\`.

Some answers mention several projects or organizations in one item and cannot be filtered (${withScope('several')}).
Those that are opened by name only then show what they hold of all projects of the organization. The others are open to callers that may read everything they
mention: \`listOrgInvoices\` with \`organizations: all\`, \`searchOrgInvoiceLineItems\` with \`projects: all\` as well. Lists of a federation need \`all\` of both. \`listRateLimits\` is open to callers
that may read every project and organization that it is asked about, and with \`userId\` or \`ipAddress\` to callers with \`all\` of both.
${tags
  .map(
    (tag) => `
## ${tag}

| operation | path | versions | filters | held | opened |
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
  if (!current) process.stderr.write('docs/operations.md is not the page of this catalog: npm run docs\n');
  process.exitCode = current ? 0 : 1;
} else writeFileSync(PAGE, page);
