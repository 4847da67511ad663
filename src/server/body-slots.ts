import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import type { WhenOver } from './connection-slots.ts';

/** The largest request body that any route takes. */
export const MAX_BODY_BYTES = 8_192;
/** Requests with bodies that are under way at the same time. */
const MAX_BODIES = 256;
/** A body that has not arrived by then gives way when all slots are taken: its sender is slow, or holds the slot on purpose. */
const SLOW_BODY_MS = 1_000;

/** Bounds how many requests with bodies are under way. */
export interface BodySlots {
  /** Takes a slot until it is released or the request is over; undefined where all are taken by requests that cannot be given up. */
  take(request: IncomingMessage, response: ServerResponse): (() => void) | undefined;
}

/**
 * Requests with bodies hold no slot of those that reads share, so that unfinished bodies cannot keep reads out. Where all slots are taken,
 * the oldest request whose body is still incomplete after a second is closed, so that slow senders cannot keep other senders out either.
 */
export function createBodySlots(whenOver: WhenOver, { clock }: { clock: Clock }): BodySlots {
  /** When each request began, oldest first. */
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
