/** A request that Hono answered, for logs and metrics. */
export interface RoutedEvent {
  readonly requestId: string;
  readonly status: number;
  readonly method: string;
  /** The request's path. */
  readonly path: string;
  readonly errorCode?: string;
  readonly caller?: string;
  readonly reason?: string;
}
