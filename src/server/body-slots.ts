import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import type { WhenOver } from './connection-slots.ts';

/** The largest request body that any route accepts. */
export const MAX_BODY_BYTES = 8_192;
export const BODY_TOO_LARGE = `The body is larger than ${MAX_BODY_BYTES} bytes.`;
/** Maximum number of concurrent requests with bodies. */
const MAX_BODIES = 256;
/** When all slots are taken, a body still incomplete after this time may be evicted: its sender is slow or occupies the slot on purpose. */
const SLOW_BODY_MS = 1_000;

/** Bounds the number of concurrent requests with bodies. */
export interface BodySlots {
  /** Occupies a slot until it is released or the request is complete; undefined if all slots are taken and none can be evicted. */
  take(request: IncomingMessage, response: ServerResponse): (() => void) | undefined;
}

/**
 * Requests with bodies have slots of their own, so that unfinished bodies cannot block reads. When all slots are taken, the oldest request
 * whose body is still incomplete after a second is disconnected, so that slow senders cannot block other senders either.
 */
export function createBodySlots(whenOver: WhenOver, { clock }: { clock: Clock }): BodySlots {
  /** Start time of each request, oldest first. */
  const taken = new Map<IncomingMessage, number>();

  function closeSlowest(): boolean {
    for (const [request, startedAt] of taken) {
      if (clock.now() - startedAt < SLOW_BODY_MS) return false;
      if (request.complete) continue;
      taken.delete(request);
      request.socket.destroy();
      return true;
    }
    return false;
  }

  return {
    take(request, response) {
      if (taken.size >= MAX_BODIES && !closeSlowest()) return undefined;
      taken.set(request, clock.now());
      return whenOver(request, response, () => taken.delete(request));
    },
  };
}
