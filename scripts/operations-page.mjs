// Writes docs/operations.md, the page of all lists, from the catalog; with --check it only says whether the page is the one of this version.
import { readFileSync, writeFileSync } from 'node:fs';
import { operations } from '../dist/atlas/operations.js';

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
    held[operation.hold],
    open[operation.sensitivity],
  ].join(' | ');

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

A list across projects (\`listGroups\`, \`getOrgGroups\`, \`listClusterDetails\`, \`listOrgs\`) holds for each caller only what it may see, with counts and pages
of its own. \`listRateLimits\` is open to those who may read the project or organization it is asked about.
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
