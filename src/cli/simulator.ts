import { createSimulator } from '../simulator/simulator.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../simulator/world.ts';
import { type Command, readPort } from './command.ts';

export const simulator: Command = {
  name: 'simulator',
  summary: 'run the simulated Atlas alone',
  flags: { port: { type: 'string' } },
  help: `  --port N   port on loopback (8443; 0 takes a free one)

It is told to fail over HTTP: POST /simulator/faults with {"target": "privateLink", "status": 503, "times": 2}; DELETE takes all back.
`,
  async run(flags, { print, printError, clock, random, asked }) {
    const simulated = createSimulator({}, { clock, random });
    const { serviceAccount, apiKey } = SAMPLE_CREDENTIALS;
    try {
      const origin = await simulated.listen(readPort(flags, 'port', 8_443));
      print(`The simulated Atlas answers on ${origin}.\n\nCredentials (they open nothing else):\n`);
      print(
        `  service account  ${serviceAccount.clientId} : ${serviceAccount.clientSecret}\n  API key          ${apiKey.publicKey} : ${apiKey.privateKey}\n\nProjects:\n`,
      );
      for (const { id, name, connections, visible } of Object.values(SAMPLE_PROJECTS)) {
        print(
          `  ${id}  ${name}: ${visible ? `${connections} private link connections` : 'closed to these credentials'}\n`,
        );
      }
    } catch {
      printError('atlas-gateway: the port is in use; choose another one with --port\n');
      return 1;
    }
    await asked();
    await simulated.close();
    return 0;
  },
};
