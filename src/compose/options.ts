import type { ResolvedConfig } from '../config/reload-settings.ts';
import type { LogDestination } from '../observability/log.ts';

export interface ComposeOptions extends ResolvedConfig {
  readonly build: { readonly version: string; readonly node: string };
  /** Bytes for memoized requests; 0: every request is parsed. Default: a fraction of `cache.maxBytes`. */
  readonly requestMemoBytes?: number;
  readonly log: {
    readonly destination: LogDestination;
    readonly people: boolean;
    readonly colorize: boolean;
  };
}
