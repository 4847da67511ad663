import { createSimulator } from '../../simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../simulator/world.ts';
import { type CommandBody, readPort } from '../command.ts';

export const simulator: CommandBody = {
  flags: {
    port: {
      type: 'string',
      value: 'PORT',
      description: 'Port on loopback; 0 takes a free one.',
      defaultText: '8443',
    },
  },
  help: {
    description: [
      'A small Atlas on this machine: lists, pages, versions, both kinds of credential, rate limits, and failures when told. It prints the credentials it accepts, which open nothing else.',
      'It is told to fail over HTTP: POST /simulator/faults with what to do wrong, DELETE /simulator/faults to take all of it back, GET /simulator/requests for what it was asked.',
    ],
    exitCodes: [
      ['0', 'It was asked to end.'],
      ['1', 'The port is in use.'],
      ['2', 'Wrong usage.'],
    ],
    examples: [
      ['atlas-gateway simulator --port 8443', 'Runs on port 8443.'],
      [
        `curl -X POST -d '{"status":503}' http://127.0.0.1:8443/simulator/faults`,
        'From another shell: answers 503 from now on.',
      ],
    ],
  },
  async run(flags, { print, printError, clock, random, shutdownSignal, onHangup }) {
    // There is nothing to read again, and a closed terminal does not end it.
    onHangup(() => undefined);
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
    await shutdownSignal();
    await simulated.close();
    return 0;
  },
};
