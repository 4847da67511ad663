import { createCatalog } from '../../src/atlas/catalog.ts';
import { operations } from '../../src/atlas/operations.ts';
import type { CacheFile } from '../../src/cache/snapshot-file.ts';
import { buildAuth } from '../../src/compose/auth.ts';
import { buildCaches, type Caches } from '../../src/compose/cache.ts';
import { resolveLiveSettings } from '../../src/compose/live-settings.ts';
import { createPublicUrl } from '../../src/compose/public-url.ts';
import { buildReads } from '../../src/compose/reads.ts';
import { buildUpstream } from '../../src/compose/upstream.ts';
import { configSchema, type SecretRef } from '../../src/config/schema.ts';
import type { Caller } from '../../src/gateway/auth/key-auth.ts';
import { createPersistence, type Persistence } from '../../src/gateway/reads/persistence.ts';
import { createRequestHandler } from '../../src/gateway/request-handler.ts';
import { createIdentifyRequest } from '../../src/gateway/request-identity.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import type { LogEvent } from '../../src/observability/log.ts';
import { createBudget } from '../../src/upstream/budget/budget.ts';
import type { Exchange } from '../../src/upstream/message.ts';
import type { FakeClock } from './fake-clock.ts';
import { createMemoryFile } from './virtual-gateway.ts';

/** A response as a client gets it, header names in lower case. */
export interface GatewayReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly text: string;
}

export interface AskOptions {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly accept?: string;
  readonly acceptEncoding?: string;
  readonly ifNoneMatch?: string;
  readonly cacheControl?: string;
  readonly caller?: Caller;
}

/** The gateway from the request handler down to the exchange with Atlas, built by the same builders as the gateway, without sockets. */
export interface RequestGateway {
  ask(target: string, options?: AskOptions): Promise<GatewayReply>;
  readonly caches: Caches;
  readonly events: readonly LogEvent[];
  readonly persistence: Persistence;
  readonly loads: () => Readonly<Record<'waiting' | 'loading', number>>;
}

export const GATEWAY_ORIGIN = 'http://gateway.test';
export const catalog = createCatalog(operations);
/** May read everything, what is sensitive included. */
export const ANYBODY: Caller = {
  name: 'team',
  projects: 'all',
  organizations: 'all',
  operations: new Set(operations.map(({ id }) => id)),
};

const MINUTE_MS = 60_000;

/** The usual `Accept` header for a path: its newest version. */
function newestVersionAt(path: string): string {
  const match = catalog.match(path);
  const dates = match.type === 'matched' ? match.operation.versions.map(({ name }) => name) : [];
  return `application/vnd.atlas.${dates.at(-1) ?? '2025-03-12'}+json`;
}

export function createRequestGateway(
  {
    exchange,
    cache = {},
    file = createMemoryFile(),
  }: { exchange: Exchange; cache?: Record<string, unknown>; file?: CacheFile },
  { clock }: { clock: FakeClock },
): RequestGateway {
  const random = { ...createSystemRandom(), fraction: () => 0.5 };
  const events: LogEvent[] = [];
  const base = { clock, random, observe: (event: LogEvent) => void events.push(event) };
  const secretOf = (ref: SecretRef) => ('env' in ref ? ref.env : ref.file);
  const serviceAccount = { clientId: { env: 'ID' }, clientSecret: { env: 'SECRET' } };
  const config = configSchema.parse({
    listen: { publicUrl: GATEWAY_ORIGIN },
    credentials: [{ name: 'sample', serviceAccount }],
    cache,
  });
  const options = { config, secretOf };
  const publicUrl = createPublicUrl(config.listen);
  const transport = { exchange, close: async () => undefined };
  const budget = createBudget({ clock });
  const upstream = buildUpstream(options, { ...base, transport, catalog, budget, shareGrant: undefined });
  const caches = buildCaches(options, base);
  const persistence = createPersistence(
    { everyMs: MINUTE_MS, nextRevision: caches.nextRevision },
    { cache: caches.lists, file, clock, observe: base.observe },
  );
  const { access } = buildAuth(resolveLiveSettings(options), { ...base, publicUrl, shared: undefined });
  const reads = buildReads(config, {
    ...{ ...base, caches, catalog, persistence, upstream, access, cluster: undefined, publicUrl },
  });
  let asking: Caller = ANYBODY;
  const handler = createRequestHandler(
    { publicUrl: publicUrl.current },
    {
      ...base,
      catalog,
      authenticate: () => ({ type: 'caller', caller: asking }),
      challenges: () => [],
      acquireRequest: () => 0,
      lists: reads.service,
      renderedPages: caches.renderedPages,
      requestMemo: caches.requestMemo,
      identify: createIdentifyRequest({ nextRequestId: () => 'request', clientOf: (peer) => peer }),
      beginTrace: () => undefined,
    },
  );

  return {
    async ask(target, { method = 'GET', caller = ANYBODY, ...headers } = {}) {
      asking = caller;
      const { accept = newestVersionAt(target.split('?')[0] ?? ''), ...others } = headers;
      const none = {
        ...{ authorization: undefined, pragma: undefined, requestId: undefined },
        ...{ traceparent: undefined, userAgent: undefined, forwardedFor: undefined },
      };
      const { acceptEncoding, ifNoneMatch, cacheControl } = others;
      const response = await handler.answer({
        method,
        target,
        headers: { ...none, accept, acceptEncoding, ifNoneMatch, cacheControl },
      });
      const pairs = response.head.headers;
      const names = pairs.flatMap((name, index) =>
        index % 2 === 0 ? [[name.toLowerCase(), pairs[index + 1] ?? ''] as const] : [],
      );
      const body = method === 'HEAD' ? Buffer.alloc(0) : response.body;
      return { status: response.status, headers: Object.fromEntries(names), body, text: body.toString() };
    },
    caches,
    events,
    persistence,
    loads: reads.loads,
  };
}
