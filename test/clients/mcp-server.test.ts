import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type McpServer, startMcpServer } from './mcp-session.ts';
import { readPathValues } from './path-values.ts';
import { createDownloads, isMissing, isUnavailable, print } from './programs.ts';
import { key, startForTeamOverTls } from './team.ts';

const SERVER = 'mongodb-mcp-server@3.0.4';
const downloads = createDownloads();
const noServer =
  isMissing('openssl', 'version') ||
  (await isUnavailable(SERVER, 'npm', [
    'install',
    '--prefix',
    downloads.folder,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    SERVER,
  ]));

/** Values of the path parameters of operations that tools read. */
const values = await readPathValues('2025-03-12');
const valuesOf = (path: string) => values[`/api/atlas/v2/${path}`] ?? [];
const [projectId = '', clusterName = ''] = valuesOf('groups/{}/clusters/{}');
const [orgId = ''] = valuesOf('orgs/{}');
const [, workspaceName = ''] = valuesOf('groups/{}/streams/{}');
const [, connectionWorkspace = '', connection = ''] = valuesOf('groups/{}/streams/{}/connections/{}');
const [, processorWorkspace = '', processor = ''] = valuesOf('groups/{}/streams/{}/processor/{}');

/** Every tool that reads Atlas, and what to ask it. */
const READS: readonly (readonly [tool: string, given: object])[] = [
  ['atlas-list-orgs', {}],
  ['atlas-list-projects', {}],
  ['atlas-list-projects', { orgId }],
  ['atlas-list-clusters', {}],
  ['atlas-list-clusters', { projectId }],
  ['atlas-inspect-cluster', { projectId, clusterName }],
  ['atlas-inspect-access-list', { projectId }],
  ['atlas-list-db-users', { projectId }],
  ['atlas-list-alerts', { projectId }],
  ['atlas-get-performance-advisor', { projectId, clusterName }],
  ['atlas-get-regions', { provider: 'AWS' }],
  ['atlas-streams-discover', { projectId, action: 'list-workspaces' }],
  ['atlas-streams-discover', { projectId, action: 'inspect-workspace', workspaceName }],
  ['atlas-streams-discover', { projectId, action: 'list-connections', workspaceName }],
  [
    'atlas-streams-discover',
    { projectId, action: 'inspect-connection', workspaceName: connectionWorkspace, resourceName: connection },
  ],
  ['atlas-streams-discover', { projectId, action: 'list-processors', workspaceName }],
  [
    'atlas-streams-discover',
    { projectId, action: 'inspect-processor', workspaceName: processorWorkspace, resourceName: processor },
  ],
  [
    'atlas-streams-discover',
    { projectId, action: 'diagnose-processor', workspaceName: processorWorkspace, resourceName: processor },
  ],
  [
    'atlas-streams-discover',
    { projectId, action: 'get-networking', cloudProvider: 'AWS', region: 'US_EAST_1' },
  ],
];

describe.skipIf(noServer)('MongoDB’s MCP server over stdio and TLS', () => {
  let running: Awaited<ReturnType<typeof startForTeamOverTls>>;
  let server: McpServer;

  beforeAll(async () => {
    running = await startForTeamOverTls();
    const bundle = join(downloads.folder, 'ca.pem');
    writeFileSync(bundle, running.cert);
    server = startMcpServer(
      process.execPath,
      [join(downloads.folder, 'node_modules/mongodb-mcp-server/dist/esm/index.js')],
      {
        HOME: downloads.folder,
        SSL_CERT_FILE: bundle,
        MDB_MCP_API_BASE_URL: `${running.origin}/`,
        MDB_MCP_API_CLIENT_ID: key.id,
        MDB_MCP_API_CLIENT_SECRET: key.secret,
        MDB_MCP_LOGGERS: 'disk',
        MDB_MCP_LOG_PATH: downloads.folder,
      },
    );
    await server.initialize();
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await running.stop();
    downloads.remove();
  });

  test('has no tool that reads Atlas beside these', async () => {
    const reads = /^atlas-(list|inspect|get)-|-discover$/;
    const tools = (await server.listTools()).filter((name) => reads.test(name));
    expect([...new Set(READS.map(([tool]) => tool))].sort()).toEqual([...tools].sort());
    print(`${SERVER}, OAuth: ${tools.length} tools that read Atlas`);
  });

  test.each(READS)('%s %j succeeds', async (tool, given) => {
    const { isError, content } = await server.callTool(tool, given);
    const text = content.map((part) => part.text ?? '').join('\n');
    expect(text).not.toMatch(/^Error|Error running|Failed to/);
    expect(isError).not.toBe(true);
  });

  test('the gateway refused none of its requests', () => {
    // A cluster is looked for among the flexible ones as well, where Atlas has none of its name.
    const refused = running.logLines.filter(
      (line) => /"status":[45]/.test(line) && !line.includes('"status":404'),
    );
    expect(refused).toEqual([]);
  });

  test('its telemetry does not reach Atlas', () => {
    expect(running.simulator.requests.filter(({ target }) => target.startsWith('/api/private'))).toEqual([]);
  });
});
