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

const BATCH_CHARACTERS = 65_536;
const LONGEST_WAIT_MS = 100;
/** What may wait to be written; past it lines are dropped, so that a reader who stands still does not take the gateway's memory or time. */
const MAX_WAITING_BYTES = 16_777_216;

/**
 * Lines to a file descriptor. They are put together before they are handed on: a write for each line would cost as much as the answer it
 * tells of, and pino's destination, which measures each text it joins, takes twelve times as long as this for a line.
 */
export function openLogFile(fd: number, { clock }: { clock: Clock }): LogFile {
  let dropped = 0;
  let waiting = '';
  let cancelTimer = () => {};
  const file = pino.destination({ fd, sync: false, maxLength: MAX_WAITING_BYTES, contentMode: 'buffer' });
  const dropping = (data: unknown) => {
    dropped += data instanceof Uint8Array ? data.filter((byte) => byte === NEWLINE).length : 1;
  };
  file.on('drop', dropping);
  file.on('error', () => dropped++);

  function hand(): void {
    if (waiting === '') return;
    // What comes next has a wait of its own; this one's end would cut it short.
    cancelTimer();
    const full = Buffer.from(waiting);
    waiting = '';
    // Pino's type knows texts only; with `contentMode` it takes bytes.
    Reflect.apply(file.write, file, [full]);
  }

  return {
    write(line) {
      if (waiting === '') cancelTimer = clock.after(LONGEST_WAIT_MS, hand);
      waiting += line;
      if (waiting.length > BATCH_CHARACTERS) hand();
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
