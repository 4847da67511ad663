import type { Json } from './pages.ts';

/** A fault injected into every request whose target contains `target`. */
export interface Fault {
  /** A substring of the target; empty matches all. */
  readonly target: string;
  /** Number of requests to affect; absent: until it is cleared. */
  readonly times?: number;
  /** Delay before the response, in milliseconds. */
  readonly delayMs?: number;
  /** Responds with this status and an ApiError, or `body`. */
  readonly status?: number;
  readonly errorCode?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** `hang`: never responds. `reset`: closes without a response. `cut`: closes within the body. `drip`: stalls after one byte of the body. */
  readonly wire?: 'hang' | 'reset' | 'cut' | 'drip';
  /** Prepends an item to the list at this path after the response is built, to simulate a list that changes while it is read. */
  readonly prepend?: { readonly address: string; readonly item: Json };
  /** Invalidates every token before the response. */
  readonly killTokens?: boolean;
  /** Makes every nonce stale before the response. */
  readonly killNonces?: boolean;
}

const MAX_FAULTS = 100;

/** The active faults. */
export interface Faults {
  add(fault: Fault): void;
  clear(): void;
  list(): readonly Fault[];
  /** Returns the first fault that matches a target, and counts it as used once. */
  take(target: string): Fault | undefined;
}

export function createFaults(): Faults {
  let faults: { fault: Fault; left: number }[] = [];
  return {
    add(fault) {
      faults = [...faults, { fault, left: fault.times ?? Number.POSITIVE_INFINITY }].slice(-MAX_FAULTS);
    },
    clear() {
      faults = [];
    },
    list: () => faults.map(({ fault }) => fault),
    take(target) {
      const found = faults.find(({ fault }) => target.includes(fault.target));
      if (found === undefined) return undefined;
      found.left--;
      if (found.left <= 0) faults = faults.filter((one) => one !== found);
      return found.fault;
    },
  };
}
