import type { Logger } from 'pino';
import type { TraceExportEvent } from './events.ts';

/** Logs when the collector stops accepting spans, and when it accepts them again. */
export function createExportLog(logger: Logger): (event: TraceExportEvent) => void {
  let failing = false;
  return ({ outcome, spans }) => {
    if (failing === (outcome === 'failed')) return;
    failing = outcome === 'failed';
    logger[failing ? 'warn' : 'info']({ outcome, spans }, 'trace export');
  };
}
