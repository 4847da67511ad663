// Reads one list with the Atlas client of MongoDB's MCP server, and prints what it got. Run by clients.test.ts in a process of its own,
// because the certificate authority of the gateway under test is given to Node when it starts.
import { ApiClient, ClientCredentialsAuthProvider } from '@mongodb-js/mcp-atlas-api-client';

const [baseUrl, clientId, clientSecret, groupId] = process.argv.slice(2);
const logger = {
  error: (entry) => process.stderr.write(`${entry.message}\n`),
  info() {},
  debug() {},
  warning() {},
};
const httpClient = { fetch, Request };
const userAgent = 'atlas-gateway-test';
const authProvider = new ClientCredentialsAuthProvider(
  { clientId, clientSecret, baseUrl, userAgent, httpClient },
  logger,
);
const client = new ApiClient({ options: { baseUrl, userAgent, httpClient }, logger, authProvider });
const list = await client.listPrivateLinkConnections({ params: { path: { groupId } } });
const { currentIpv4Address } = await client.getIpInfo();
await client.sendEvents([{ timestamp: '2026-01-01T00:00:00Z', source: 'mdbmcp', properties: {} }]);
await client.close();
process.stdout.write(
  JSON.stringify({ count: list.results.length, total: list.totalCount, currentIpv4Address }),
);
