import type { Logger } from 'pino';
import type { SharedEvent } from '../cluster/events.ts';
import type { UpstreamEvent } from '../upstream/events.ts';

/** Events about Atlas, one of its credentials or the shared tier. */
type UpstreamLogEvent =
  | Extract<
      UpstreamEvent,
      { type: 'credential-renewal' | 'circuit' | 'upstream-exchange' | 'upstream-retry' | 'unstable-order' }
    >
  | Extract<SharedEvent, { type: 'shared-state' }>;

/** Returns a function that writes one line per event; calls and retries only at level `debug`. */
export function createUpstreamLog(logger: Logger): (event: UpstreamLogEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'credential-renewal': {
        const { credential, outcome, detail } = event;
        const level = outcome === 'renewed' || outcome === 'rotated' ? 'info' : 'error';
        return logger[level]({ credential, outcome, detail }, 'credential renewal');
      }
      case 'circuit': {
        const { credential, state } = event;
        if (state === 'closed') return logger.info({ credential, state, openMs: event.openMs }, 'circuit');
        return logger.warn({ credential, state, code: event.code, detail: event.detail }, 'circuit');
      }
      case 'upstream-exchange': {
        const { operation, credential, code, durationMs } = event;
        return logger.debug({ operation, credential, code, durationMs }, 'upstream call');
      }
      case 'upstream-retry':
        return logger.debug({ reason: event.reason }, 'upstream retry');
      case 'unstable-order': {
        const { operation, scope } = event;
        return logger.warn({ operation, project: scope }, 'list without a stable order');
      }
      case 'shared-state': {
        const { connected, detail } = event;
        return logger[connected ? 'info' : 'warn']({ connected, detail }, 'shared cache');
      }
    }
  };
}
