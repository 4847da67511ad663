import type { Json } from './pages.ts';

/** Something the simulator is told to do wrong, to every request whose target contains `target`. */
export interface Fault {
  /** Part of the target; empty matches all. */
  readonly target: string;
  /** How many requests it is done to; absent: until it is taken back. */
  readonly times?: number;
  /** Waits before it answers, in milliseconds. */
  readonly delayMs?: number;
  /** Answers this status with an ApiError, or with `body`. */
  readonly status?: number;
  readonly errorCode?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** `hang`: never answers. `reset`: closes without an answer. `cut`: closes in the middle of the body. `drip`: a byte a second. */
  readonly wire?: 'hang' | 'reset' | 'cut' | 'drip';
  /** After it has answered, puts an item in front of the list at this path, as a list does that changes while it is read. */
  readonly prepend?: { readonly address: string; readonly item: Json };
  /** Ends every token before it answers. */
  readonly killTokens?: boolean;
  /** Makes every nonce stale before it answers. */
  readonly killNonces?: boolean;
}

const MAX_FAULTS = 100;

/** The faults in force. */
export interface Faults {
  add(fault: Fault): void;
  clear(): void;
  list(): readonly Fault[];
  /** The first fault that meets a target, counted as done once. */
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
