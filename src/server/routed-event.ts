/** What is logged and counted of a request that Hono answered. */
export interface RoutedEvent {
  readonly status: number;
  readonly method: string;
  /** The request's path. */
  readonly path: string;
  readonly errorCode?: string;
  readonly caller?: string;
  readonly reason?: string;
}
