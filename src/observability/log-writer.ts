import { write, writeSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import { codeOfError } from '../lib/error-code.ts';
import type { LogDestination } from './log.ts';

/** A log destination that writes lines asynchronously in batches. */
export interface LogFile extends LogDestination {
  /** Lines that were not written: the reader is too slow or gone, or the disk is full. */
  readonly dropped: number;
  /** Writes the remaining lines; resolves once they are written or lost, after a second at the latest. */
  close(): Promise<void>;
  /** Synchronously writes what can be written without blocking: for process exit. */
  flush(): void;
}

export interface LogFileOptions {
  /** Bytes that may be queued; further lines are dropped, so that a stalled reader does not exhaust memory. */
  readonly maxWaitingBytes?: number;
}

const BATCH_CHARACTERS = 65_536;
const LONGEST_WAIT_MS = 100;
const MAX_WAITING_BYTES = 16_777_216;
/** Delay before a write is retried that failed because the pipe was full. */
const RETRY_MS = 50;
const CLOSE_TIMEOUT_MS = 1_000;
const NEWLINE = 0x0a;

/** Whether a pipe is full rather than broken. */
const isBusy = (error: unknown): boolean => ['EAGAIN', 'EBUSY'].includes(codeOfError(error) ?? '');

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === NEWLINE) lines++;
  return lines;
}

/** A write queue of at most `maxBytes`. The first batch contains only its unwritten bytes. */
function createWriteQueue(maxBytes: number) {
  let batches: Buffer[] = [];
  let bytes = 0;
  let lastByte = NEWLINE;
  let dropped = 0;
  return {
    get first() {
      return batches[0];
    },
    get dropped() {
      return dropped;
    },
    push(batch: Buffer) {
      if (bytes + batch.length > maxBytes) {
        dropped += countLines(batch);
        return;
      }
      batches.push(batch);
      bytes += batch.length;
    },
    /** Removes the first `written` bytes of the first batch. */
    advance(written: number) {
      const first = batches[0];
      if (first === undefined) return;
      lastByte = first[written - 1] ?? lastByte;
      bytes -= written;
      if (written === first.length) batches.shift();
      else batches[0] = first.subarray(written);
    },
    /** Drops every line except a partially written one: a log line must not break off in the middle of the log. */
    drop() {
      const [first] = batches;
      const rest =
        first === undefined || lastByte === NEWLINE ? [] : [first.subarray(0, first.indexOf(NEWLINE) + 1)];
      for (const batch of batches) dropped += countLines(batch);
      dropped -= rest.length;
      batches = rest;
      bytes = rest[0]?.length ?? 0;
    },
  };
}

/**
 * Writes lines to a file descriptor in batches: one write per line would cost as much as serving the request that it describes. Pino's own
 * destination retries its last write before process exit until it succeeds, which never happens on a full disk or a closed pipe.
 */
export function openLogFile(
  fd: number,
  { clock }: { clock: Clock },
  { maxWaitingBytes = MAX_WAITING_BYTES }: LogFileOptions = {},
): LogFile {
  const queue = createWriteQueue(maxWaitingBytes);
  let batch = '';
  let cancelBatch = () => {};
  let state: 'idle' | 'writing' | 'waiting for the reader' = 'idle';
  let onIdle = () => {};

  function enqueueBatch(): void {
    if (batch === '') return;
    // The next batch starts its own timer; this one would write it too early.
    cancelBatch();
    queue.push(Buffer.from(batch));
    batch = '';
  }

  function writeNext(): void {
    const { first } = queue;
    if (first === undefined) {
      state = 'idle';
      onIdle();
      return;
    }
    state = 'writing';
    write(fd, first, (error, written) => {
      if (error === null) {
        queue.advance(written);
        writeNext();
      } else if (isBusy(error)) {
        state = 'waiting for the reader';
        clock.after(RETRY_MS, writeNext);
      } else {
        queue.drop();
        state = 'idle';
        onIdle();
      }
    });
  }

  function writeBatch(): void {
    enqueueBatch();
    if (state === 'idle') writeNext();
  }

  return {
    write(line) {
      if (batch === '') cancelBatch = clock.after(LONGEST_WAIT_MS, writeBatch);
      batch += line;
      if (batch.length > BATCH_CHARACTERS) writeBatch();
    },
    get dropped() {
      return queue.dropped;
    },
    close: () =>
      new Promise((resolve) => {
        // The clock's timers do not keep the process alive, and nothing else does during shutdown.
        const timeout = setTimeout(resolve, CLOSE_TIMEOUT_MS);
        onIdle = () => {
          clearTimeout(timeout);
          resolve();
        };
        writeBatch();
      }),
    flush() {
      enqueueBatch();
      // The pending write completes on its own; writing its batch here would duplicate it.
      if (state === 'writing') return;
      try {
        for (let { first } = queue; first !== undefined; { first } = queue)
          queue.advance(writeSync(fd, first));
      } catch {
        queue.drop();
      }
    },
  };
}
