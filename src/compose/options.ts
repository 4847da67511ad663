import type { ResolvedConfig } from '../config/reload-settings.ts';
import type { LogDestination } from '../observability/log.ts';

export interface ComposeOptions extends ResolvedConfig {
  readonly build: { readonly version: string; readonly node: string };
  /** Bytes for memoized requests; 0: every request is parsed. Default: a fraction of `cache.maxBytes`. */
  readonly requestMemoBytes?: number;
  /** Whether hits bypass Hono's router; default: true. For comparisons: answers are the same either way. */
  readonly hitPath?: boolean;
  readonly log: {
    readonly destination: LogDestination;
    readonly people: boolean;
    readonly colorize: boolean;
  };
}
