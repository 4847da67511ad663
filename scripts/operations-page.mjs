// Generates docs/operations.md, which documents every operation by kind, from the catalog. With --check it only reports whether the page is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { operations, unservedOperations } from '../dist/atlas/operations.js';
import { answerScopeOf } from '../dist/gateway/auth/answer-scope.js';
import { SENSITIVITY_GROUPS } from './catalog/sensitivity.mjs';

const PAGE = new URL('../docs/operations.md', import.meta.url);
const SHAPED = new Set(['pageNum', 'itemsPerPage', 'pretty', 'envelope', 'includeCount']);
const CACHED = { whole: 'whole', page: 'by page' };
const UNSERVED = { download: 'is a download', 'takes-body': 'takes a body' };

const WIDTH = 120;

/** Lines of at most WIDTH characters; a list item continues below its text. */
function wrap(text) {
  const indent = text.startsWith('- ') ? '  ' : '';
  const lines = [];
  let line = '';
  // A code span may contain a space; links do not.
  for (const [word] of text.matchAll(/(?:`[^`]*`|\S)+/g)) {
    if (line.trim() !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = `${indent}${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}

const code = (text) => `\`${text}\``;
const list = (names) => names.map(code).join(', ');
const relative = (path) => code(path.replace('/api/atlas/v2', '') || '/');
const version = ({ name, sunset }) => (sunset === undefined ? name : `${name} (until ${sunset})`);
const named = ({ id, alias }) => `${code(id)}${alias === undefined ? '' : `<br>${code(alias)}`}`;

const TAG = ['tag', ({ tag }) => tag];
const OPERATION = ['operation', named];
const PATH = ['path', ({ path }) => relative(path)];
const VERSIONS = ['versions', ({ versions }) => versions.map(version).join(', ')];
const PARAMETERS = [
  'parameters',
  ({ queryParameters, headerParameters }) =>
    [...queryParameters, ...headerParameters]
      .filter(({ name }) => !SHAPED.has(name))
      .map(({ name, required }) => `${code(name)}${required ? ' (required)' : ''}`)
      .join(' '),
];
const SENSITIVITY = ['sensitivity', ({ sensitivity }) => sensitivity];
const COMMON = [TAG, OPERATION, PATH, VERSIONS, PARAMETERS, SENSITIVITY];
const FROM_LIST = ({ element }) => {
  if (element === undefined) return '';
  const { list: from, recordedVersions } = element;
  return `${code(from)}${recordedVersions.length === 0 ? '' : ` (answers in ${recordedVersions.join(', ')})`}`;
};

/** Each kind with its heading, what it is, and columns of its own. */
const KINDS = [
  [
    'list',
    'Lists',
    `Paginated. A list that is cached whole is loaded with one walk and then served in every page size and format. A list that is cached
by page, because it is unbounded or changes constantly, is loaded separately for each page and page size.
\`cache.operations.<id>.whole\` overrides this for one list.`,
    [['cached', ({ cacheUnit }) => CACHED[cacheUnit]]],
  ],
  [
    'element',
    'Elements',
    `One item of a list. Where recordings of Atlas show that the item of the list and the element are equal, in the versions named, an
element is answered from a cached list. Otherwise it is requested from Atlas and cached separately.`,
    [['list', FROM_LIST]],
  ],
  ['array', 'Arrays', 'A JSON array without pages.', []],
  ['unpaged-list', 'Lists without pages', 'An object with all `results`.', []],
  ['document', 'Documents', 'Any other JSON.', []],
];

const byTagAndPath = (a, b) => (a.tag === b.tag ? (a.path < b.path ? -1 : 1) : a.tag < b.tag ? -1 : 1);

function table(columns, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map(([title]) => title)),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map(([, cell]) => cell(row)))),
  ].join('\n');
}

function section([kind, heading, description, columns]) {
  const ofKind = operations.filter((operation) => operation.kind === kind).sort(byTagAndPath);
  return `## ${heading}\n\n${wrap(`${ofKind.length} operations. ${description}`)}\n\n${table([...COMMON, ...columns], ofKind)}\n`;
}

const withScope = (...types) =>
  list(operations.flatMap(({ id }) => (types.includes(answerScopeOf(id).type) ? [id] : [])));

/** Whose data a response contains, where that is not the project or organization in the path. */
const SCOPES = [
  `- Lists across projects (${withScope('cut')}) contain only the items that the caller may read, with counts, pages, links and ETags
to match. They are always filtered from the whole list: if that cannot be loaded, because it has more than \`cache.maxItems\`
items, callers that may not read all of it get 502 \`UPSTREAM_TOO_LARGE\`.`,
  `- Some mention several projects or organizations and cannot be filtered (${withScope('several')}). They require access to
everything that they mention, except that those with secrets or personal data, which are granted only by name, show data of all
projects of the organization.`,
  `- ${withScope('unscoped')} require \`projects: all\` and \`organizations: all\`.`,
  `- ${withScope('project-name')} requires that the project of this name is one of the caller's. Any other name is 403, whether or
not a project has it.`,
  `- \`listRateLimits\` and \`getRateLimit\` require access to every project and organization in the request, and with \`userId\` or
\`ipAddress\` \`all\` for both.`,
  `- ${withScope('public')} are the same for all callers.`,
];

const page = `# Operations

${wrap(`Generated from the catalog by \`npm run docs\`. The gateway serves ${operations.length} of the ${operations.length + unservedOperations.length} reads of the
Atlas Administration API v2: all that answer JSON to a request without a body. Paths are relative to \`/api/atlas/v2\`. Below the id of an
operation is its older name, which the Atlas CLI and older SDKs use.`)}

${wrap(`A caller may read an operation if its \`operations\` grant it: with \`reads\`; with \`lists\` or the tag, if it is a list; with
\`reads:\` and the tag; or with its id or older name. Operations that are not \`open\` must be granted by id or older name;
[why](#sensitivity).`)}

\`\`\`yaml
callers:
  - name: security
    projects: all
    operations: [reads, listGroupAlertConfigs]
\`\`\`

${KINDS.map(section).join('\n')}
## Not served

Requests for these are 501 \`UNKNOWN_OPERATION\`, like those for paths that Atlas does not have.

${table([OPERATION, PATH, ['why', ({ reason }) => UNSERVED[reason]]], unservedOperations)}

## Whose data a response contains

Most responses belong to the project or organization in the path. The others:

${SCOPES.map(wrap).join('\n')}

## Sensitivity

${table(
  [
    ['sensitivity', ({ sensitivity }) => sensitivity],
    ['reason', ({ reason }) => reason],
    ['operations', ({ operations: ids }) => list(ids)],
  ],
  SENSITIVITY_GROUPS,
)}
`;

if (process.argv.includes('--check')) {
  const current = readFileSync(PAGE, 'utf8') === page;
  if (!current) process.stderr.write('docs/operations.md is out of date; run: npm run docs\n');
  process.exitCode = current ? 0 : 1;
} else writeFileSync(PAGE, page);
