/** Lets the event loop serve everything that is due before a long computation goes on. */
export const yieldToEventLoop = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Bytes that are processed at a time: a few milliseconds of hashing or searching. */
export const TURN_BYTES = 1_048_576;
