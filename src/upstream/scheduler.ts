import { LRUCache } from 'lru-cache';
import type { Clock } from '../lib/clock.ts';
import type { Reservation } from './budget/reservation.ts';
import type { UpstreamEvent } from './events.ts';
import { overloaded } from './failure.ts';
import type { UpstreamFailure } from './message.ts';
import { createSlotQueue, type QueuedCall } from './slot-queue.ts';
import { createWalkBytes } from './walk-bytes.ts';

export interface SchedulerOptions {
  /** Number of slots: calls that may be on the wire at once. */
  readonly maxConnections: number;
  /**
   * Calls start only while the expected size of all responses in flight stays below this. Together with what walks in progress have
   * received, it limits the calls that no caller waits for: above it, only the oldest walk goes on.
   */
  readonly maxBytesInFlight: number;
}

/** A call that needs a slot. */
export interface SlotRequest extends QueuedCall {
  /** Monotonic milliseconds after which the call is no longer worth sending. */
  readonly deadlineAt: number;
  /** The walk that the response belongs to; it keeps the response until it ends. */
  readonly walk?: Reservation | undefined;
}

/** Decides which call to Atlas is sent next. */
export interface Scheduler {
  /**
   * Runs `call` in a slot, which is returned when `call` settles. Fails with `OVERLOADED`, without calling, if the deadline passes before a
   * slot is free.
   */
  run<Result extends { readonly type: string; readonly body?: Buffer }>(
    request: SlotRequest,
    call: () => Promise<Result>,
  ): Promise<Result | UpstreamFailure>;
  /** Fails all queued calls and every later one. */
  close(): void;
  /** Number of calls that wait for a slot. */
  readonly queued: number;
  /** Number of slots in use. */
  readonly busy: number;
}

interface WaitingCall extends SlotRequest {
  readonly queuedAt: number;
  readonly start: () => void;
  readonly refuse: () => void;
}

const MAX_QUEUED = 10_000;
const MAX_PER_LIST = 4;
/** The fraction of the slots for everything that no caller waits for. */
const BULK_FRACTION = 0.5;
/** The last slots serve only lists with nothing on the wire, so that an idle list is not stuck behind busy ones. */
const SPARE_FRACTION = 0.25;
/** The assumed size of a response, until the list has answered once. */
const UNKNOWN_BYTES = 262_144;
/** Names of lists contain filters of any length, so their number alone would not bound memory. */
const MAX_SIZES_BYTES = 524_288;
const SIZE_ENTRY_BYTES = 128;

const REFUSED: UpstreamFailure = {
  ...overloaded('Too many requests are already waiting for Atlas.'),
  unsent: true,
};

const isBulk = ({ loadClass }: QueuedCall) => loadClass !== 'first-page';

/** What is on the wire, and whether another call may join it. */
function createWire({ maxConnections, maxBytesInFlight }: SchedulerOptions, onReleased: () => void) {
  const bulkSlots = Math.max(1, Math.floor(maxConnections * BULK_FRACTION));
  const spareFrom = maxConnections - Math.floor(maxConnections * SPARE_FRACTION);
  const unknownBytes = Math.min(UNKNOWN_BYTES, maxBytesInFlight / maxConnections);
  const callsByList = new Map<string, number>();
  const walkBytes = createWalkBytes(onReleased);
  /** The largest recent response of each list. */
  const sizes = new LRUCache<string, number>({
    maxSize: MAX_SIZES_BYTES,
    sizeCalculation: (_bytes, list) => SIZE_ENTRY_BYTES + 2 * list.length,
  });
  let busy = 0;
  let bulk = 0;
  let bytes = 0;

  const expectedBytes = (list: string) => sizes.get(list) ?? unknownBytes;

  /** Whether walks have received so much that the call must wait for one of them to end. */
  const waitsForWalks = ({ list, walk }: SlotRequest) =>
    walkBytes.total > 0 &&
    walkBytes.total + bytes + expectedBytes(list) > maxBytesInFlight &&
    !walkBytes.isOldest(walk);

  return {
    get busy() {
      return busy;
    },
    isFull: () => busy >= maxConnections,
    admits(call: SlotRequest): boolean {
      const own = callsByList.get(call.list) ?? 0;
      if (own >= MAX_PER_LIST || (own > 0 && busy >= spareFrom)) return false;
      if (isBulk(call) && (bulk >= bulkSlots || waitsForWalks(call))) return false;
      // One response may exceed the limit alone; otherwise it could never be loaded.
      return busy === 0 || bytes + expectedBytes(call.list) <= maxBytesInFlight;
    },
    /** Takes a slot; the returned function gives it back, with the size of the response if there was one. */
    occupy(call: SlotRequest): (received: number | undefined) => void {
      const { list } = call;
      const expected = expectedBytes(list);
      busy++;
      bytes += expected;
      if (isBulk(call)) bulk++;
      callsByList.set(list, (callsByList.get(list) ?? 0) + 1);
      return (received) => {
        busy--;
        bytes -= expected;
        if (isBulk(call)) bulk--;
        const left = (callsByList.get(list) ?? 0) - 1;
        if (left > 0) callsByList.set(list, left);
        else callsByList.delete(list);
        if (received === undefined) return;
        sizes.set(list, Math.max(received, sizes.get(list) ?? 0));
        if (call.walk !== undefined) walkBytes.add(call.walk, received);
      };
    },
  };
}

/**
 * A fixed number of slots for calls to Atlas. A freed slot goes to the most urgent class, within it round-robin by caller and then by list
 * (`slot-queue`), as far as the limits for one list, for bulk work and for bytes in flight allow.
 */
export function createScheduler(
  options: SchedulerOptions,
  { clock, observe }: { clock: Clock; observe: (event: UpstreamEvent) => void },
): Scheduler {
  const wire = createWire(options, () => startNext());
  const queue = createSlotQueue<WaitingCall>();
  let closed = false;

  function startNext(): void {
    while (!wire.isFull()) {
      const next = queue.take(wire.admits, clock.now());
      if (next === undefined) return;
      // If the event loop was blocked, the slot may be free before the timer of the deadline has fired.
      if (clock.now() >= next.deadlineAt) next.refuse();
      else next.start();
    }
  }

  async function runInSlot<Result extends { readonly type: string; readonly body?: Buffer }>(
    request: SlotRequest,
    call: () => Promise<Result>,
  ): Promise<Result> {
    const vacate = wire.occupy(request);
    let received: number | undefined;
    try {
      const result = await call();
      received = result.body?.length;
      return result;
    } finally {
      vacate(received);
      startNext();
    }
  }

  return {
    run(request, call) {
      const queuedAt = clock.now();
      const leftMs = request.deadlineAt - queuedAt;
      if (closed || leftMs <= 0 || queue.size >= MAX_QUEUED) return Promise.resolve(REFUSED);
      return new Promise((resolve, reject) => {
        const leave = () => {
          cancelDeadline();
          const { loadClass } = request;
          observe({ type: 'upstream-queued', loadClass, queuedMs: clock.now() - queuedAt });
        };
        const waiting: WaitingCall = {
          ...request,
          queuedAt,
          start() {
            leave();
            runInSlot(request, call).then(resolve, reject);
          },
          refuse() {
            leave();
            resolve(REFUSED);
          },
        };
        const cancelDeadline = clock.after(leftMs, () => {
          queue.remove(waiting);
          waiting.refuse();
        });
        queue.add(waiting, queuedAt);
        startNext();
      });
    },
    close() {
      closed = true;
      for (const waiting of queue.clear()) waiting.refuse();
    },
    get queued() {
      return queue.size;
    },
    get busy() {
      return wire.busy;
    },
  };
}
