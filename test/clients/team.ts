import { operations } from '../../src/atlas/operations.ts';
import { type Clock, createSystemClock } from '../../src/lib/clock.ts';
import { testKey } from '../support/caller-keys.ts';
import { createCertificate } from '../support/certificate.ts';
import { type Running, startGateway } from '../support/running.ts';

/** The key that every client is given. */
export const key = testKey(1);

/** One caller that may read everything; sensitive operations have to be named. */
const settings = {
  callers: [
    {
      name: 'team',
      keys: [{ id: key.id, sha256: key.sha256, ha1: { file: 'ha1' } }],
      projects: 'all',
      organizations: 'all',
      operations: operations.map(({ id }) => id),
    },
  ],
  anonymous: undefined,
};

/** A clock on a day on which Atlas still serves every version that a client may ask for. */
function createEarlyClock(): Clock {
  const clock = createSystemClock();
  const offsetMs = Date.UTC(2023, 11, 1) - clock.wall();
  return { ...clock, wall: () => clock.wall() + offsetMs };
}

/** A gateway that the team's clients read through, in front of a simulator. */
export const startForTeam = (): Promise<Running> =>
  startGateway({ clock: createEarlyClock(), config: settings, files: { ha1: key.ha1 } });

/** The same over https, and the certificate that its clients have to trust, PEM. Requires openssl. */
export async function startForTeamOverTls(): Promise<Running & { readonly cert: string }> {
  const { cert, key: privateKey } = createCertificate();
  const tls = { cert: { file: 'cert' }, key: { file: 'key' } };
  const running = await startGateway({
    clock: createEarlyClock(),
    config: { ...settings, listen: { port: 0, tls } },
    files: { ha1: key.ha1, cert, key: privateKey },
  });
  return { ...running, cert };
}
