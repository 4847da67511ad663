import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';

/** Distributes events to subscribers in the order in which they subscribed. */
export interface EventHub<Event> {
  /** Never throws: a failure to observe must not affect the observed work. */
  observe(event: Event): void;
  subscribe(subscriber: (event: Event) => void): void;
}

/** Components report to the hub, and what measures or logs subscribes to it, so that neither has to exist before the other. */
export function createEventHub<Event extends { readonly type: string }>(): EventHub<
  Event | UnexpectedErrorEvent
> {
  type Reported = Event | UnexpectedErrorEvent;
  const subscribers: ((event: Reported) => void)[] = [];
  function observe(event: Reported): void {
    for (const subscriber of subscribers) {
      try {
        subscriber(event);
      } catch (error) {
        if (event.type !== 'unexpected-error') observe(unexpectedError(`observing ${event.type}`, error));
      }
    }
  }
  return { observe, subscribe: (subscriber) => void subscribers.push(subscriber) };
}
