/** A request that the simulator received. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const MAX_SEEN = 20_000;

/** The latest requests except control requests. */
export interface RequestLog {
  /** Oldest first. */
  readonly requests: readonly SeenRequest[];
  add(request: SeenRequest): void;
  clear(): void;
}

export function createRequestLog(): RequestLog {
  const requests: SeenRequest[] = [];
  return {
    requests,
    add(request) {
      if (requests.length >= MAX_SEEN) requests.shift();
      requests.push(request);
    },
    clear() {
      requests.length = 0;
    },
  };
}
