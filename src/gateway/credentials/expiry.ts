import type { Clock } from '../../lib/clock.ts';
import type { ExpiryEvent } from '../events.ts';

/** A credential and the wall-clock milliseconds at which its secret ends, where the configuration says so. */
export interface ExpiringCredential {
  readonly name: string;
  readonly expiresAt: number;
}

const DAY_MS = 86_400_000;
/** From then on it is told every day. */
const WARNING_DAYS = 30;

/** Tells every day which credentials end soon, beginning now; `look` tells anew, because the configuration changed. */
export function createExpiryWatch(
  credentials: () => readonly ExpiringCredential[],
  { clock, observe }: { clock: Clock; observe: (event: ExpiryEvent) => void },
): { look(): void; close(): void } {
  let cancel: () => void = () => undefined;
  function look(): void {
    cancel();
    for (const { name, expiresAt } of credentials()) {
      const daysLeft = Math.floor((expiresAt - clock.wall()) / DAY_MS);
      if (daysLeft <= WARNING_DAYS) observe({ type: 'credential-expiry', credential: name, daysLeft });
    }
    cancel = clock.after(DAY_MS, look);
  }
  return { look, close: () => cancel() };
}
