import { formatProblem } from '../../config/config-error.ts';
import { codeOfError } from '../../lib/error-code.ts';
import { createSimulator } from '../../simulator/server.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../simulator/world.ts';
import { type CommandBody, readPort, readText } from '../command.ts';
import { loadWeather } from '../weather-file.ts';

const whyNotListening = (error: unknown, port: number): string =>
  codeOfError(error) === 'EADDRINUSE'
    ? `port ${port} is in use: stop the process that listens there`
    : `cannot listen on port ${port}: check the permissions of this user`;

export const simulator: CommandBody = {
  flags: {
    port: {
      type: 'string',
      value: 'PORT',
      description: 'Port on loopback; 0 picks a free one.',
      defaultText: '8443',
    },
    weather: {
      type: 'string',
      value: 'FILE',
      description: 'YAML file with latency, failures, list sizes and changes.',
      defaultText: 'no latency, no failures',
    },
  },
  help: {
    description: [
      'A small Atlas on this machine: every read that the API answers as JSON, with generated data; pages, versions, both kinds of credential, rate limits, and injected faults. It prints the credentials it accepts, which are valid nowhere else.',
      'Faults are controlled over HTTP: POST /simulator/faults adds one, DELETE /simulator/faults removes all of them, GET /simulator/requests lists the requests received.',
      'The weather is how Atlas behaves at large: how long it takes, how often it fails, how long its lists are and how fast they change. It is reproducible by its seed. POST /simulator/weather changes it. docs/simulator.md lists the settings.',
    ],
    exitCodes: [
      ['0', 'Stopped by a signal.'],
      ['1', 'The port is in use.'],
      ['2', 'Invalid usage, or an invalid weather file.'],
    ],
    examples: [
      ['atlas-gateway simulator --port 8443', 'Runs on port 8443.'],
      ['atlas-gateway simulator --weather weather.yaml', 'Runs with the weather of a file.'],
      [
        `curl -X POST -d '{"status":503}' http://127.0.0.1:8443/simulator/faults`,
        'From another shell: respond with 503 from now on.',
      ],
    ],
  },
  async run(flags, { print, printError, readFile, clock, random, shutdownSignal, onHangup }) {
    // There is no configuration to reload, and closing the terminal must not stop the simulator.
    onHangup(() => undefined);
    const file = readText(flags, 'weather');
    const loaded = file === undefined ? undefined : loadWeather(file, readFile);
    if (loaded?.ok === false) {
      for (const problem of loaded.problems) printError(`${formatProblem(problem)}\n`);
      return 2;
    }
    const simulated = createSimulator(loaded === undefined ? {} : { weather: loaded.weather }, {
      clock,
      random,
    });
    const { serviceAccount, apiKey } = SAMPLE_CREDENTIALS;
    const port = readPort(flags, 'port', 8_443);
    const stopped = shutdownSignal();
    try {
      const origin = await simulated.listen(port);
      print(`The simulated Atlas listens on ${origin}.\n\nCredentials (valid nowhere else):\n`);
      print(
        `  service account  ${serviceAccount.clientId} : ${serviceAccount.clientSecret}\n  API key          ${apiKey.publicKey} : ${apiKey.privateKey}\n\nProjects:\n`,
      );
      for (const { id, name, connections, visible } of Object.values(SAMPLE_PROJECTS)) {
        print(
          `  ${id}  ${name}: ${visible ? `${connections} private link connections` : 'not accessible to these credentials'}\n`,
        );
      }
    } catch (error) {
      printError(`atlas-gateway: ${whyNotListening(error, port)}, or choose another port with --port\n`);
      return 1;
    }
    await stopped;
    await simulated.close();
    return 0;
  },
};
