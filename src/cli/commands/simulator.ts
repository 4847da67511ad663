import { createSimulator } from '../../simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../simulator/world.ts';
import { type CommandBody, readPort } from '../command.ts';

export const simulator: CommandBody = {
  flags: {
    port: {
      type: 'string',
      value: 'PORT',
      description: 'Port on loopback; 0 picks a free one.',
      defaultText: '8443',
    },
  },
  help: {
    description: [
      'A small Atlas on this machine: lists, pages, versions, both kinds of credential, rate limits, and injected faults. It prints the credentials it accepts, which are valid nowhere else.',
      'Faults are controlled over HTTP: POST /simulator/faults adds one, DELETE /simulator/faults removes all of them, GET /simulator/requests lists the requests received.',
    ],
    exitCodes: [
      ['0', 'Stopped by a signal.'],
      ['1', 'The port is in use.'],
      ['2', 'Invalid usage.'],
    ],
    examples: [
      ['atlas-gateway simulator --port 8443', 'Runs on port 8443.'],
      [
        `curl -X POST -d '{"status":503}' http://127.0.0.1:8443/simulator/faults`,
        'From another shell: respond with 503 from now on.',
      ],
    ],
  },
  async run(flags, { print, printError, clock, random, shutdownSignal, onHangup }) {
    // There is no configuration to reload, and closing the terminal must not stop the simulator.
    onHangup(() => undefined);
    const simulated = createSimulator({}, { clock, random });
    const { serviceAccount, apiKey } = SAMPLE_CREDENTIALS;
    try {
      const origin = await simulated.listen(readPort(flags, 'port', 8_443));
      print(`The simulated Atlas listens on ${origin}.\n\nCredentials (valid nowhere else):\n`);
      print(
        `  service account  ${serviceAccount.clientId} : ${serviceAccount.clientSecret}\n  API key          ${apiKey.publicKey} : ${apiKey.privateKey}\n\nProjects:\n`,
      );
      for (const { id, name, connections, visible } of Object.values(SAMPLE_PROJECTS)) {
        print(
          `  ${id}  ${name}: ${visible ? `${connections} private link connections` : 'not accessible to these credentials'}\n`,
        );
      }
    } catch {
      printError('atlas-gateway: the port is in use; choose another with --port\n');
      return 1;
    }
    await shutdownSignal();
    await simulated.close();
    return 0;
  },
};
