import type { Draw } from './draw.ts';
import { createDraw, isoSeconds } from './draw.ts';
import type { JsonObject } from './json.ts';
import type { ListSource } from './list-page.ts';
import type { ListFilters } from './list-question.ts';

/** Whose events, how the list is narrowed, and the time it is. */
export interface EventsWanted {
  readonly scope: { readonly groupId?: string; readonly orgId?: string };
  readonly filters: ListFilters;
  readonly wallMs: number;
}

const FIRST_EVENT = Date.UTC(2026, 0, 1);
const EVERY_MS = 10 * 60_000;
/** Older events are forgotten, which keeps one question's work bounded. */
const KEPT = 20_000;
const TYPES = [
  'CLUSTER_CREATED',
  'CLUSTER_UPDATE_COMPLETED',
  'MONGODB_USER_ADDED',
  'NETWORK_PERMISSION_ENTRY_ADDED',
  'STREAM_TENANT_CREATED',
  'ALERT_ACKNOWLEDGED_AUDIT',
  'API_KEY_CREATED',
] as const;

/** Which of the types an event has: cheap, so that a filter need not make the event. */
const typeOf = (number: number) => TYPES[(number * 5 + (number >> 3)) % TYPES.length] ?? TYPES[0];
const timeOf = (number: number) => FIRST_EVENT + number * EVERY_MS;

function eventOf(number: number, { groupId, orgId }: EventsWanted['scope']): JsonObject {
  const draw: Draw = createDraw(`event ${number} ${groupId ?? orgId ?? ''}`);
  return {
    created: isoSeconds(timeOf(number)),
    eventTypeName: typeOf(number),
    groupId,
    id: draw.hex(24),
    isGlobalAdmin: false,
    orgId,
    remoteAddress: `192.0.2.${draw.integer(1, 254)}`,
    username: `${draw.name()}@example.com`,
  };
}

/** A project's or organization's events: one every ten minutes since the first of 2026, newest first, without an end in sight. */
export function eventsOf({ scope, filters, wallMs }: EventsWanted): ListSource {
  const values = (name: string) => filters.find(([known]) => known === name)?.[1] ?? [];
  const wanted = values('eventType');
  const excluded = values('excludedEventType');
  const from = Date.parse(values('minDate')[0] ?? '') || FIRST_EVENT;
  const to = Date.parse(values('maxDate')[0] ?? '') || wallMs;
  const newest = Math.floor((wallMs - FIRST_EVENT) / EVERY_MS);
  const numbers: number[] = [];
  for (let number = newest; number >= 0 && number > newest - KEPT; number--) {
    const type = typeOf(number);
    const at = timeOf(number);
    if (at < from || at > to || excluded.includes(type)) continue;
    if (wanted.length === 0 || wanted.includes(type)) numbers.push(number);
  }
  return {
    count: numbers.length,
    slice: (start, end) => numbers.slice(start, end).map((number) => eventOf(number, scope)),
  };
}
