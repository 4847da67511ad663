/** An unexpected exception: its kind and where it was thrown. Its message is omitted, because it may contain request data. */
export interface UnexpectedErrorEvent {
  readonly type: 'unexpected-error';
  /** The work that failed, in the gateway's own words. */
  readonly work: string;
  readonly kind: string;
  /** The innermost stack frame; empty if there is none. */
  readonly place: string;
  readonly requestId?: string;
}

const placeOf = (error: Error): string =>
  (error.stack?.split('\n').find((line) => line.trimStart().startsWith('at ')) ?? '').trim();

/** Describes an exception for the log, without anything that could contain a secret. */
export const unexpectedError = (work: string, error: unknown, requestId?: string): UnexpectedErrorEvent => ({
  type: 'unexpected-error',
  work,
  kind: error instanceof Error ? error.name : typeof error,
  place: error instanceof Error ? placeOf(error) : '',
  ...(requestId === undefined ? {} : { requestId }),
});
