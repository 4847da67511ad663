import { Agent, get } from 'node:http';
import type { FakeClock } from './fake-clock.ts';
import { ACCEPT } from './running.ts';

/** Requests a path every second for ten minutes of the fake clock, whatever is answered. Connections are reused, which is faster. */
export async function requestForTenMinutes(clock: FakeClock, origin: string, path: string): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  for (let second = 0; second < 600; second++) {
    get(`${origin}${path}`, { agent, headers: { accept: ACCEPT } }, (response) => response.resume()).on(
      'error',
      () => undefined,
    );
    await clock.advance(1_000);
  }
  agent.destroy();
}
