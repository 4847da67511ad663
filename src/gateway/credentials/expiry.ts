import type { Clock } from '../../lib/clock.ts';
import type { ExpiryEvent } from '../events.ts';

/** A credential and the wall-clock milliseconds at which its secret expires, if configured. */
export interface ExpiringCredential {
  readonly name: string;
  readonly expiresAt: number;
}

const DAY_MS = 86_400_000;
/** Reported daily from this many days before expiry. */
const WARNING_DAYS = 30;

/** Reports credentials that expire soon, daily from the first `check` on. `check` reports at once, such as after a reload. */
export function createExpiryWatch(
  credentials: () => readonly ExpiringCredential[],
  { clock, observe }: { clock: Clock; observe: (event: ExpiryEvent) => void },
): { check(): void; close(): void } {
  let cancel: () => void = () => undefined;
  function check(): void {
    cancel();
    for (const { name, expiresAt } of credentials()) {
      const daysLeft = Math.floor((expiresAt - clock.wall()) / DAY_MS);
      if (daysLeft <= WARNING_DAYS) observe({ type: 'credential-expiry', credential: name, daysLeft });
    }
    cancel = clock.after(DAY_MS, check);
  }
  return { check, close: () => cancel() };
}
