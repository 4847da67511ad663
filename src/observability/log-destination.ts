import { pino } from 'pino';
import type { Clock } from '../lib/clock.ts';
import type { LogDestination } from './log.ts';

/** A destination that writes lines many at a time, beside the work. */
export interface LogFile extends LogDestination {
  /** Lines that were not written, because whoever reads them does not keep up or is gone. */
  readonly dropped: number;
  /** Writes what is left, now: for the end of the process. */
  flush(): void;
}

const BATCH_BYTES = 65_536;
const LONGEST_WAIT_MS = 100;
/** What may wait to be written; past it lines are dropped, so that a reader who stands still does not take the gateway's memory or time. */
const MAX_WAITING_BYTES = 16_777_216;
/** Bytes that a character can take in UTF-8, by its place in a JavaScript string. */
const MAX_CHARACTER_BYTES = 3;

/**
 * Lines to a file descriptor. They are put together in a buffer: a write for each line would cost as much as the answer it tells of, and
 * pino's destination, which joins strings, takes twelve times as long as this for a line.
 */
export function openLogFile(fd: number, { clock }: { clock: Clock }): LogFile {
  let dropped = 0;
  let batch = Buffer.allocUnsafe(BATCH_BYTES);
  let filled = 0;
  let lines = 0;
  const file = pino.destination({ fd, sync: false, maxLength: MAX_WAITING_BYTES, contentMode: 'buffer' });
  const dropping = (data: unknown) => {
    dropped += data instanceof Uint8Array ? data.filter((byte) => byte === NEWLINE).length : 1;
  };
  file.on('drop', dropping);
  file.on('error', () => dropped++);

  function hand(): void {
    if (filled === 0) return;
    const full = batch.subarray(0, filled);
    batch = Buffer.allocUnsafe(BATCH_BYTES);
    filled = 0;
    lines = 0;
    write(full);
  }

  /** Pino's type knows texts only; with `contentMode` it takes bytes. */
  const write = (bytes: Uint8Array) => void Reflect.apply(file.write, file, [bytes]);

  return {
    write(line) {
      const most = line.length * MAX_CHARACTER_BYTES;
      if (filled + most > BATCH_BYTES) hand();
      if (most > BATCH_BYTES) {
        write(Buffer.from(line));
        return;
      }
      filled += batch.write(line, filled);
      if (++lines === 1) clock.after(LONGEST_WAIT_MS, hand);
    },
    get dropped() {
      return dropped;
    },
    flush() {
      try {
        hand();
        file.flushSync();
      } catch {
        // Nobody reads any more.
        dropped++;
      }
    },
  };
}

const NEWLINE = 0x0a;
