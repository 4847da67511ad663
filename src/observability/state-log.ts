import type { Logger } from 'pino';
import type { ExpiryEvent, PersistenceEvent } from '../gateway/events.ts';
import type { UnexpectedErrorEvent } from '../lib/unexpected-error.ts';
import type { LifecycleEvent, PurgeEvent, ReloadEvent, ShutdownEvent, SignInEvent } from './events.ts';

/** A secret that expires within this many days is logged as an error, not a warning. */
const URGENT_DAYS = 3;

/** Events about the gateway itself rather than about requests. */
type OwnEvent =
  | ReloadEvent
  | PersistenceEvent
  | ExpiryEvent
  | UnexpectedErrorEvent
  | LifecycleEvent
  | PurgeEvent
  | ShutdownEvent
  | SignInEvent;

function logShutdown(logger: Logger, event: ShutdownEvent): void {
  const { phase, inFlight } = event;
  if (phase === 'begun') {
    const { signal, delayMs, deadlineMs } = event;
    logger.info({ phase, signal, inFlight, delayMs, deadlineMs }, 'shutdown');
    return;
  }
  const isCutOff = phase === 'drained' && inFlight > 0;
  logger[isCutOff ? 'warn' : 'info']({ phase, inFlight, elapsedMs: event.elapsedMs }, 'shutdown');
}

/** Returns a function that writes one line per event. */
export function createStateLog(logger: Logger): (event: OwnEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'config-reload': {
        const { outcome, problems } = event;
        return logger[outcome === 'applied' ? 'info' : 'error'](
          { outcome, problems },
          'configuration reload',
        );
      }
      case 'cache-file': {
        const { outcome, listings, detail } = event;
        const level = outcome === 'restored' ? 'info' : 'warn';
        return logger[level]({ outcome, listings, detail }, 'cache file');
      }
      case 'credential-expiry': {
        const { credential, daysLeft } = event;
        const level = daysLeft <= URGENT_DAYS ? 'error' : 'warn';
        return logger[level]({ credential, daysLeft }, 'credential ends soon');
      }
      case 'unexpected-error': {
        const { work, kind, place, requestId } = event;
        return logger.error({ work, kind, place, requestId }, 'unexpected error');
      }
      case 'purge': {
        const { project, operation, soft, origin, requestId, clientIp } = event;
        return logger.info({ project, operation, soft, origin, requestId, clientIp }, 'cache purged');
      }
      case 'shutdown':
        return logShutdown(logger, event);
      case 'admin-sign-in-refused': {
        const { reason, clientIp } = event;
        return logger.warn({ reason, clientIp }, 'admin sign-in refused');
      }
      case 'life':
        return logger[event.level](event.message);
    }
  };
}
