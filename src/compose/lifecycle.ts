import type { ClusterHandlers } from '../cluster/cluster.ts';
import type { GatewayConfig } from '../config/schema.ts';
import type { Persistence } from '../gateway/reads/persistence.ts';
import type { Clock } from '../lib/clock.ts';
import type { LogEvent } from '../observability/log.ts';
import type { Tracing } from '../observability/tracing.ts';
import type { InFlight } from '../server/in-flight.ts';
import type { Listener } from '../server/listener.ts';
import type { Caches } from './cache.ts';
import type { ClusterParts } from './cluster.ts';
import type { PublicListener } from './listeners.ts';
import type { PublicUrl } from './public-url.ts';
import type { Upstream } from './upstream.ts';

export interface LifecycleDependencies {
  readonly publicListener: PublicListener;
  readonly adminListener: Listener;
  readonly publicUrl: PublicUrl;
  readonly caches: Caches;
  readonly persistence: Persistence | undefined;
  readonly cluster: ClusterParts | undefined;
  readonly clusterHandlers: ClusterHandlers;
  readonly upstream: Upstream;
  readonly expiryWatch: { check(): void; close(): void };
  readonly tracing: Pick<Tracing, 'open' | 'close'>;
  readonly inFlight: Pick<InFlight, 'count'>;
  readonly clock: Clock;
  readonly observe: (event: LogEvent) => void;
}

/** How long the admin listener answers after the public one has drained. */
const ADMIN_DEADLINE_MS = 1_000;
/** Atlas allows a service account 100 tokens, but a gateway that ends must not wait for it. */
const REVOCATION_DEADLINE_MS = 1_000;

const REPORT_PROGRESS_MS = 5_000;

/** Reports the progress of a shutdown, every few seconds until `drained`. */
function createShutdownReport({
  clock,
  inFlight,
  observe,
}: Pick<LifecycleDependencies, 'clock' | 'inFlight' | 'observe'>) {
  const startedAt = clock.now();
  const report = (phase: 'draining' | 'drained' | 'stopped') =>
    observe({ type: 'shutdown', phase, inFlight: inFlight.count, elapsedMs: clock.now() - startedAt });
  let cancel = clock.after(REPORT_PROGRESS_MS, repeat);
  function repeat(): void {
    report('draining');
    cancel = clock.after(REPORT_PROGRESS_MS, repeat);
  }
  return {
    drained() {
      cancel();
      report('drained');
    },
    stopped: () => report('stopped'),
  };
}

/** Starts and stops the components in an order in which no request meets one that is missing. */
export function createLifecycle({ delay, deadline }: GatewayConfig['drain'], parts: LifecycleDependencies) {
  const { publicListener, adminListener, publicUrl, caches, persistence, upstream, expiryWatch, observe } =
    parts;
  const { cluster, clusterHandlers, tracing, inFlight } = parts;

  async function listen(adminOrigin: string) {
    const publicOrigin = await publicListener.listen();
    publicUrl.listeningOn(publicOrigin);
    // In the same event-loop turn as the listener becomes ready, so that no request precedes it.
    persistence?.restore();
    // Other gateways may have purged lists in the file while this one was down.
    if (cluster !== undefined) caches.purge({ soft: true });
    persistence?.start();
    expiryWatch.check();
    publicListener.ready();
    const message = `listening on ${publicOrigin}, admin on ${adminOrigin}`;
    observe({ type: 'life', level: 'info', message });
    return { publicOrigin, adminOrigin };
  }

  return {
    async start() {
      await tracing.open();
      const adminOrigin = await adminListener.listen();
      // Connects before listening, so that the first requests can use lists of other gateways; the wait is bounded.
      await cluster?.cluster.open(clusterHandlers);
      try {
        return await listen(adminOrigin);
      } catch (error) {
        await cluster?.cluster.close();
        await adminListener.drain({ delayMs: 0, deadlineMs: 0 });
        throw error;
      }
    },
    async stop({ immediate, signal }: { immediate: boolean; signal?: string }): Promise<void> {
      const times = { delayMs: immediate ? 0 : delay, deadlineMs: deadline };
      observe({ type: 'shutdown', phase: 'begun', signal, inFlight: inFlight.count, ...times });
      const report = createShutdownReport(parts);
      await publicListener.drain(times);
      report.drained();
      expiryWatch.close();
      await persistence?.stop();
      await cluster?.cluster.close();
      await adminListener.drain({ delayMs: 0, deadlineMs: ADMIN_DEADLINE_MS });
      await upstream.close({ withinMs: REVOCATION_DEADLINE_MS });
      await tracing.close();
      report.stopped();
    },
  };
}
