// The gateway from dist/, with the hit path switched off if HIT_PATH=off. Otherwise as `atlas-gateway serve --config FILE` runs it.
import { readFileSync } from 'node:fs';
import { readConfiguration } from '../../dist/cli/configuration.js';
import { compose } from '../../dist/compose/gateway.js';
import { createSystemClock } from '../../dist/lib/clock.js';
import { createSystemRandom } from '../../dist/lib/random.js';
import { openLogFile } from '../../dist/observability/log-writer.js';

const [, , , , config] = process.argv;
const clock = createSystemClock();
const loaded = readConfiguration(
  { config },
  {
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
    whyNotWritable: () => undefined,
    clock,
    print: () => undefined,
    printError: (text) => void process.stderr.write(text),
  },
);
const log = { destination: openLogFile(1, { clock }), people: false, colorize: false };
const gateway = compose(
  {
    ...loaded,
    build: { version: '0.0.0', node: process.version },
    log,
    hitPath: process.env.HIT_PATH !== 'off',
  },
  { clock, random: createSystemRandom() },
);
await gateway.start();
process.once('SIGINT', () => process.exit());
