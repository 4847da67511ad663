import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { expect } from 'vitest';
import { compose } from '../../src/compose/gateway.ts';
import { configSchema, type SecretRef } from '../../src/config/schema.ts';
import { type Clock, createSystemClock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../src/simulator/world.ts';

/** An HTTP response as received. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  readonly text: string;
}

export const ACCEPT = 'application/vnd.atlas.2023-02-01+json';
/** A canary secret: it must never appear in log lines, responses or metrics. */
export const CALLER_SECRET = 'canaryCANARYcanaryCANARYcanaryCANARYcanary1';
export const CALLER_KEY = `agw_CanaryKey001_${CALLER_SECRET}`;

/** The list of this project's private link connections. */
export const linksOf = (project: { id: string }, query = '') =>
  `/api/atlas/v2/groups/${project.id}/streams/privateLinkConnections${query}`;

/** Sends one request on a separate connection; does not follow redirects, decode bodies or retry. */
export function ask(
  origin: string,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    const request = httpRequest(
      { hostname, port, path, method: options.method ?? 'GET', headers: options.headers ?? {}, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const body = Buffer.concat(chunks);
          const headers = Object.fromEntries(
            Object.entries(response.headers).map(([name, value]) => [
              name,
              Array.isArray(value) ? value.join(', ') : value,
            ]),
          );
          resolve({ status: response.statusCode ?? 0, headers, body, text: body.toString() });
        });
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}

/** A gateway in front of a simulator, both on real sockets. */
export interface Running {
  readonly origin: string;
  readonly admin: string;
  readonly simulator: Simulator;
  readonly atlas: string;
  readonly logLines: string[];
  /** GET with the usual Accept header. */
  get(path: string, headers?: Record<string, string>, method?: string): Promise<Reply>;
  /** The same request sent directly to the simulated Atlas. */
  atlasGet(path: string, headers?: Record<string, string>): Promise<Reply>;
  /** Requests that reached Atlas, except token requests. */
  upstream(): readonly string[];
  tokenRequests(): number;
  /** Reloads the configuration; settings and files must be complete, as at startup. */
  reload(settings: Record<string, unknown>, files?: Record<string, string>): void;
  stop(): Promise<void>;
}

interface RunningOptions {
  readonly config?: Record<string, unknown>;
  readonly credential?: 'serviceAccount' | 'apiKey';
  readonly clock?: Clock;
  readonly simulator?: SimulatorOptions;
  /** Contents of files that the configuration references. */
  readonly files?: Record<string, string>;
  /** Size limit of the request memo in bytes; absent: the default. */
  readonly requestMemoBytes?: number;
  /** Whether hits bypass Hono's router; absent: yes, unless the environment says HIT_PATH=off. */
  readonly hitPath?: boolean;
  /** Overrides the upstream origin. */
  readonly origin?: string;
  /** `upstream.timeout`; absent: the default. */
  readonly timeout?: string;
  /** Overrides the wall clock; may throw, to test exceptions in request handling. */
  readonly wall?: (wall: number) => number;
  /** Overrides the random source; may throw. */
  readonly randomBytes?: (bytes: Buffer) => Buffer;
  /** Called with each log line; may throw. */
  readonly onLogLine?: (line: string) => void;
}

/** Waits until a list is held whole: a walk goes on behind the first answer. */
export const heldWhole = (
  running: Pick<Running, 'get'>,
  project: { id: string },
  headers: Record<string, string> = {},
) =>
  expect
    .poll(
      async () =>
        (await running.get(linksOf(project), { ...headers, 'cache-control': 'only-if-cached' })).status,
      { timeout: 5_000 },
    )
    .toBe(200);

/** A simulated Atlas without a gateway, and its origin. */
export async function startSimulator(): Promise<{ simulator: Simulator; atlas: string }> {
  const simulator = createSimulator({}, { clock: createSystemClock(), random: createSystemRandom() });
  return { simulator, atlas: await simulator.listen(0) };
}

export async function startGateway(options: RunningOptions = {}): Promise<Running> {
  const clock = options.clock ?? createSystemClock();
  const random = createSystemRandom();
  const { wall = (time) => time, randomBytes = (bytes) => bytes, onLogLine = () => undefined } = options;
  const simulator = createSimulator(options.simulator ?? {}, { clock, random });
  const atlas = await simulator.listen(0);
  const { serviceAccount, apiKey } = SAMPLE_CREDENTIALS;
  const env: Record<string, string> = {
    ID: serviceAccount.clientId,
    SECRET: serviceAccount.clientSecret,
    PUBLIC: apiKey.publicKey,
    PRIVATE: apiKey.privateKey,
  };
  const credential =
    options.credential === 'apiKey'
      ? { name: 'sample', apiKey: { publicKey: { env: 'PUBLIC' }, privateKey: { env: 'PRIVATE' } } }
      : { name: 'sample', serviceAccount: { clientId: { env: 'ID' }, clientSecret: { env: 'SECRET' } } };
  const resolve = (settings: Record<string, unknown> = {}, files: Record<string, string> = {}) => ({
    config: configSchema.parse({
      listen: { port: 0 },
      admin: { port: 0 },
      upstream: { origin: options.origin ?? atlas, timeout: options.timeout },
      credentials: [credential],
      callers: [
        {
          name: 'team-orders',
          keys: [
            { id: 'agw_CanaryKey001', sha256: createHash('sha256').update(CALLER_SECRET).digest('hex') },
          ],
          projects: [SAMPLE_PROJECTS.orders.id],
        },
      ],
      anonymous: { projects: 'all', organizations: 'all' },
      ...settings,
    }),
    secretOf(ref: SecretRef) {
      const value = 'env' in ref ? env[ref.env] : files[ref.file];
      if (value === undefined) throw new Error(`the test does not define ${JSON.stringify(ref)}`);
      return value;
    },
  });
  const logLines: string[] = [];
  const log = {
    destination: {
      write(line: string) {
        logLines.push(line);
        onLogLine(line);
      },
    },
    people: false,
    colorize: false,
  };
  const gateway = compose(
    {
      ...resolve(options.config, options.files),
      build: { version: '0.0.0', node: process.version },
      ...(options.requestMemoBytes === undefined ? {} : { requestMemoBytes: options.requestMemoBytes }),
      hitPath: options.hitPath ?? process.env['HIT_PATH'] !== 'off',
      log,
    },
    {
      clock: { ...clock, wall: () => wall(clock.wall()) },
      random: { ...random, bytes: (length) => randomBytes(random.bytes(length)) },
    },
  );
  const { publicOrigin, adminOrigin } = await gateway.start();
  const tokenAnswer = await ask(atlas, '/api/oauth/token', {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${serviceAccount.clientId}:${serviceAccount.clientSecret}`).toString('base64')}`,
    },
    body: 'grant_type=client_credentials',
  });
  const { access_token: token }: { access_token: string } = JSON.parse(tokenAnswer.text);
  simulator.clearRequests();
  return {
    origin: publicOrigin,
    admin: adminOrigin,
    simulator,
    atlas,
    logLines,
    get: (path, headers = {}, method = 'GET') =>
      ask(publicOrigin, path, { method, headers: { accept: ACCEPT, ...headers } }),
    atlasGet: (path, headers = {}) =>
      ask(atlas, path, { headers: { accept: ACCEPT, authorization: `Bearer ${token}`, ...headers } }),
    upstream: () =>
      simulator.requests.filter(({ target }) => target.startsWith('/api/atlas/')).map(({ target }) => target),
    tokenRequests: () => simulator.requests.filter(({ target }) => target === '/api/oauth/token').length,
    reload: (settings, files) => gateway.reload(resolve(settings, files)),
    async stop() {
      await gateway.stop({ immediate: true });
      await simulator.close();
    },
  };
}

/** Normalizes a page of the gateway for comparison with Atlas: Atlas's host in links, no snapshot parameter. */
export const asAtlas = (text: string, origin: string) =>
  text.replaceAll(origin, 'https://cloud.mongodb.com').replaceAll(/&snapshot=[\w-]{12}/g, '');

/** Parses a body: a page of a list, or an error. */
export function json(reply: Reply): {
  links: { rel: string; href: string }[];
  results: Record<string, unknown>[];
  totalCount?: number;
  status?: number;
  error?: number;
  errorCode?: string;
  detail?: string;
} {
  return JSON.parse(reply.text);
}
