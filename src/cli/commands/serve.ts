import { compose } from '../../compose/gateway.ts';
import { formatProblem } from '../../config/config-error.ts';
import type { LoadedConfig } from '../../config/load.ts';
import { watchFiles } from '../../config/watch.ts';
import { unexpectedError } from '../../lib/unexpected-error.ts';
import { openLogFile } from '../../observability/log-writer.ts';
import type { CommandBody, CommandContext, Flags } from '../command.ts';
import {
  COLOUR_VARIABLE,
  CONFIG_FLAG,
  CONFIG_HELP,
  configurationPath,
  printProblems,
  readConfiguration,
} from '../configuration.ts';

/** A configuration that is read again never ends a running gateway, whatever is written into it. */
function rereadConfiguration(flags: Flags, context: CommandContext): LoadedConfig {
  try {
    return readConfiguration(flags, context);
  } catch (error) {
    const { kind } = unexpectedError('reading the configuration', error);
    const file = configurationPath(flags, context) ?? 'environment';
    const message = `cannot be read (${kind}); run atlas-gateway check with it, and undo the last change`;
    return { ok: false, problems: [{ file, setting: '', message }] };
  }
}

export const serve: CommandBody = {
  flags: CONFIG_FLAG,
  help: {
    description: [
      'The gateway answers the lists of the Atlas Administration API v2 on one listener, and metrics, probes, status and purge on another. It writes one log line a request to standard output: JSON, or for people where that is a terminal.',
      'Without a configuration it listens on this machine only, takes its credentials from the environment, and lets this machine read every list that holds no secrets and no personal data.',
      'The configuration and every file it names are watched: callers, keys, policy, secrets and certificates are taken over within a second. SIGHUP has them read again at once. SIGTERM ends it after drain.delay and the requests under way, SIGINT without that delay; a second signal ends it at once.',
    ],
    ...CONFIG_HELP,
    environment: [...CONFIG_HELP.environment, COLOUR_VARIABLE],
    exitCodes: [
      ['0', 'It was asked to end.'],
      ['1', 'It cannot start: a port is in use, for example.'],
      ['2', 'Wrong usage or configuration; every problem is printed.'],
    ],
    examples: [
      ['atlas-gateway serve --config gateway.yaml', 'Runs with a configuration.'],
      [
        'MONGODB_ATLAS_CLIENT_ID=mdb_sa_id_… MONGODB_ATLAS_CLIENT_SECRET=mdb_sa_sk_… \\\n    atlas-gateway serve',
        'Runs without one, for this machine.',
      ],
      ['ATLAS_GATEWAY_LISTEN_PORT=8081 atlas-gateway serve --config gateway.yaml', 'On another port.'],
    ],
  },
  async run(flags, context) {
    const loaded = readConfiguration(flags, context);
    if (!loaded.ok) {
      printProblems(loaded, context);
      return 2;
    }
    let reload = () => {};
    context.onHangup(() => reload());
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
    context.handleBackgroundErrors(gateway.reportUnexpected);
    let { files } = loaded;
    reload = () => {
      // The cache file stays where it is until the next start; a full disk must not keep a revoked key in force.
      const next = rereadConfiguration(flags, { ...context, whyNotWritable: () => undefined });
      // Also the files of a rejected configuration: its secrets may be mounted after it.
      files = next.files ?? files;
      if (next.ok) gateway.reload(next);
      else gateway.rejectReload(next.problems.map(formatProblem));
    };
    const watching = watchFiles(
      { files: () => files, readFile: context.readFile, onChange: reload },
      { clock },
    );
    const signal = await context.shutdownSignal();
    watching.close();
    reload = () => {};
    await gateway.stop({ immediate: signal === 'SIGINT' });
    await lines?.close();
    return 0;
  },
};
