import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher, fetch, Pool, ProxyAgent, type Response } from 'undici';
import type { ProxyAddress } from './proxy-address.ts';
import { ProxyError, proxyFailureOf, tunnelFailure } from './proxy-failure.ts';

export interface DispatcherOptions {
  readonly origin: string;
  readonly maxConnections: number;
  readonly userAgent: string;
  /** Absent: connections are direct. `timeoutMs` is the limit for reaching the proxy, and for its answer. */
  readonly proxy?: (ProxyAddress & { readonly timeoutMs: number }) | undefined;
  /** Certificates, PEM, that are trusted in addition to the usual ones. */
  readonly ca?: string | undefined;
}

/** Connections to one origin. */
export interface OriginDispatcher {
  dispatch(request: Omit<Dispatcher.DispatchOptions, 'origin'>, handler: Dispatcher.DispatchHandler): void;
  /** The connections that are open. */
  readonly connections: number;
  close(): Promise<void>;
}

const MAX_HEADER_BYTES = 32 * 1_024;

/** The deadline of the exchange is the only timeout of a direct connection: it covers connect, headers and body together. */
const NO_TIMEOUTS = { headersTimeout: 0, bodyTimeout: 0 };

const isText = (value: string | string[] | undefined): value is string => typeof value === 'string';

/**
 * Turns every answer of the proxy but an open tunnel into a `ProxyError`. Without it, undici would report only the status, and try again
 * without end where the proxy closes the connection.
 */
const explainProxy =
  (proxy: ProxyAddress): Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (request, handler) =>
    dispatch(request, {
      onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
      onRequestUpgrade(controller, status, headers, socket) {
        const { 'content-type': type } = headers;
        const failure = tunnelFailure(status, isText(type) ? type : undefined, proxy);
        if (failure === undefined) {
          handler.onRequestUpgrade?.(controller, status, headers, socket);
          return;
        }
        socket.on('error', () => undefined).destroy();
        handler.onResponseError?.(controller, new ProxyError(failure));
      },
      onResponseError: (controller, error) =>
        handler.onResponseError?.(controller, new ProxyError(proxyFailureOf(error, proxy))),
    });

function createProxied(
  { maxConnections, userAgent, ca }: Omit<DispatcherOptions, 'origin' | 'proxy'>,
  proxy: NonNullable<DispatcherOptions['proxy']>,
  counted: (pool: Pool) => Pool,
): Dispatcher {
  const tls = { timeout: proxy.timeoutMs, ...trusting(ca) };
  return new ProxyAgent({
    ...NO_TIMEOUTS,
    uri: proxy.origin,
    ...(proxy.authorization === undefined ? {} : { token: proxy.authorization }),
    headers: { 'user-agent': userAgent },
    connections: maxConnections,
    pipelining: 1,
    maxHeaderSize: MAX_HEADER_BYTES,
    proxyTls: tls,
    requestTls: tls,
    factory: (origin, options) => counted(new Pool(origin, options)),
    clientFactory: (origin, options) =>
      new Pool(origin, { ...options, headersTimeout: proxy.timeoutMs }).compose(explainProxy(proxy)),
  });
}

const createDirect = ({ origin, maxConnections, ca }: DispatcherOptions): Pool =>
  new Pool(origin, {
    ...NO_TIMEOUTS,
    connections: maxConnections,
    pipelining: 1,
    maxHeaderSize: MAX_HEADER_BYTES,
    connect: { timeout: 0, ...trusting(ca) },
  });

/** Certificates given to Node replace its own, so they are given together. */
const trusting = (ca: string | undefined) => (ca === undefined ? {} : { ca: [...rootCertificates, ca] });

/** Pooled HTTP/1.1 connections to one origin, direct or through a proxy. */
export function createOriginDispatcher(options: DispatcherOptions): OriginDispatcher {
  const { origin, proxy } = options;
  let connections = 0;
  const counted = (pool: Pool): Pool =>
    pool.on('connect', () => connections++).on('disconnect', () => connections--);
  const dispatcher =
    proxy === undefined ? counted(createDirect(options)) : createProxied(options, proxy, counted);
  return {
    dispatch: (request, handler) => void dispatcher.dispatch({ ...request, origin }, handler),
    get connections() {
      return connections;
    },
    close: () => dispatcher.destroy(),
  };
}

/** Fetches once, over a connection that is closed when `read` has settled. Redirects are errors. */
export async function fetchOnce<T>(
  url: URL,
  {
    proxy,
    userAgent,
    accept,
    signal,
    read,
  }: Pick<DispatcherOptions, 'proxy' | 'userAgent'> & {
    readonly accept: string;
    readonly signal: AbortSignal;
    readonly read: (response: Response) => Promise<T>;
  },
): Promise<T> {
  const dispatcher =
    proxy === undefined
      ? new Agent()
      : createProxied({ maxConnections: 1, userAgent }, proxy, (pool) => pool);
  try {
    const headers = { accept, 'user-agent': userAgent };
    return await read(await fetch(url, { dispatcher, signal, redirect: 'error', headers }));
  } finally {
    await dispatcher.destroy();
  }
}
