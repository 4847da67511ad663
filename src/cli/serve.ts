import { compose } from '../compose.ts';
import { formatProblem } from '../config/problem.ts';
import { watchFiles } from '../config/watch.ts';
import { openLogFile } from '../observability/log-destination.ts';
import type { Command } from './command.ts';
import { CONFIG_FLAG, printProblems, readConfiguration } from './configuration.ts';

export const serve: Command = {
  name: 'serve',
  summary: 'run the gateway',
  flags: CONFIG_FLAG,
  help: `  --config FILE   configuration (or set ATLAS_GATEWAY_CONFIG); see config/gateway.yaml for a sample

Without a file the gateway listens on this machine only, and takes its credentials from MONGODB_ATLAS_CLIENT_ID and
MONGODB_ATLAS_CLIENT_SECRET, or from MONGODB_ATLAS_PUBLIC_KEY and MONGODB_ATLAS_PRIVATE_KEY.
SIGTERM and SIGINT end it after the requests under way.
`,
  async run(flags, context) {
    const loaded = readConfiguration(flags, context);
    if (!loaded.ok) {
      printProblems(loaded, context);
      return 2;
    }
    const { version, node, print, printError, isTerminal, env, clock, random } = context;
    const lines =
      isTerminal || context.output === undefined ? undefined : openLogFile(context.output.fd, { clock });
    if (lines !== undefined) context.output?.atEnd(lines.flush);
    const log = {
      destination: lines ?? { write: print },
      people: isTerminal,
      colorize: isTerminal && (env['NO_COLOR'] ?? '') === '',
    };
    const gateway = compose({ ...loaded, build: { version, node }, log }, { clock, random });
    try {
      await gateway.start();
    } catch (error) {
      printError(`atlas-gateway: ${error instanceof Error ? error.message : 'cannot start'}\n`);
      return 1;
    }
    let { files } = loaded;
    const watching = watchFiles(
      {
        files: () => files,
        readFile: context.readFile,
        onChange() {
          const next = readConfiguration(flags, context);
          if (next.ok) {
            files = next.files;
            gateway.reload(next);
          } else gateway.rejectReload(next.problems.map(formatProblem));
        },
      },
      { clock },
    );
    const signal = await context.asked();
    watching.close();
    await gateway.stop({ hurry: signal === 'SIGINT' });
    return 0;
  },
};
