/** What the upstream layers tell about themselves; `observability` turns it into metrics and log lines. */
export type UpstreamEvent =
  | {
      readonly type: 'upstream-exchange';
      readonly operation: string;
      readonly credential: string;
      /** HTTP status as text, or the failure's code. */
      readonly code: string;
      readonly durationMs: number;
    }
  | { readonly type: 'upstream-retry'; readonly reason: string }
  | {
      readonly type: 'credential-renewal';
      readonly credential: string;
      readonly outcome: 'renewed' | 'refused' | 'failed';
      /** Wall-clock milliseconds at which the new token ends. */
      readonly expiresAt?: number;
      readonly detail?: string;
    }
  | { readonly type: 'circuit'; readonly credential: string; readonly state: 'open' | 'half-open' | 'closed' }
  | {
      readonly type: 'budget';
      readonly credential: string;
      readonly endpointSet: string;
      readonly remaining: number;
    };
