import type { Context } from 'hono';
import type { RequestIdentity } from '../gateway/request-identity.ts';
import type { ServerEnv } from './bindings.ts';

/** What a route answered. */
export interface RoutedAnswer {
  readonly status: number;
  /** Of the body. */
  readonly bytes: number;
  readonly errorCode?: string;
  readonly caller?: string;
  readonly reason?: string;
}

/** A request that Hono answered, for logs and metrics. */
export interface RoutedEvent extends RoutedAnswer {
  readonly identity: RequestIdentity;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  readonly method: string;
  /** The request's path. */
  readonly path: string;
}

/** Reports what a route of the public listener answered. */
export type ReportAnswer = (context: Context<ServerEnv>, answer: RoutedAnswer) => void;
