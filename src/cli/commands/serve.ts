import { compose } from '../../compose/gateway.ts';
import { formatProblem } from '../../config/config-error.ts';
import { secretsInForce } from '../../config/kept-secrets.ts';
import type { LoadedConfig } from '../../config/load.ts';
import type { ResolvedConfig } from '../../config/reload-settings.ts';
import { watchFiles } from '../../config/watch.ts';
import { unexpectedError } from '../../lib/unexpected-error.ts';
import { openLogFile } from '../../observability/log-writer.ts';
import { COLOUR_VARIABLE, showsColours } from '../colours.ts';
import type { CommandBody, CommandContext, Flags } from '../command.ts';
import {
  CONFIG_FLAG,
  CONFIG_HELP,
  configurationPath,
  printProblems,
  readConfiguration,
} from '../configuration.ts';

/** Reloads the configuration. Never throws: no configuration error may stop a running gateway. */
function rereadConfiguration(flags: Flags, context: CommandContext, current: ResolvedConfig): LoadedConfig {
  try {
    return readConfiguration(flags, context, secretsInForce(current));
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
      'The gateway serves the reads of the Atlas Administration API v2 on one listener, and metrics, probes, status and purge on another. It writes one log line per request to standard output: JSON, or a human-readable format on a terminal.',
      'Without a configuration it listens on loopback only, takes its credentials from the environment, and lets local clients read everything that contains neither secrets nor personal data.',
      'The configuration and every file it references are watched: changes to callers, keys, policy, secrets and certificates apply within a second. SIGHUP reloads them immediately. On SIGTERM the gateway waits for drain.delay, completes the requests in progress and exits; SIGINT skips the delay. A second signal stops it immediately.',
    ],
    ...CONFIG_HELP,
    environment: [...CONFIG_HELP.environment, COLOUR_VARIABLE],
    exitCodes: [
      ['0', 'Stopped by a signal.'],
      ['1', 'Cannot start, for example because a port is in use.'],
      ['2', 'Invalid usage or configuration; every problem is printed.'],
    ],
    examples: [
      ['atlas-gateway serve --config gateway.yaml', 'Runs with a configuration.'],
      [
        'MONGODB_ATLAS_CLIENT_ID=mdb_sa_id_… MONGODB_ATLAS_CLIENT_SECRET=mdb_sa_sk_… \\\n    atlas-gateway serve',
        'Runs without one, for local clients.',
      ],
      ['ATLAS_GATEWAY_LISTEN_PORT=8081 atlas-gateway serve --config gateway.yaml', 'Runs on another port.'],
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
      colorize: showsColours({ isTerminal, env }),
    };
    const gateway = compose({ ...loaded, build: { version, node }, log }, { clock, random });
    // Before the start: whoever reads that the gateway listens may stop it at once.
    const stopped = context.shutdownSignal();
    try {
      await gateway.start();
    } catch (error) {
      printError(`atlas-gateway: ${error instanceof Error ? error.message : 'cannot start'}\n`);
      return 1;
    }
    context.handleBackgroundErrors(gateway.reportUnexpected);
    let { files } = loaded;
    let current: ResolvedConfig = loaded;
    reload = () => {
      // The cache file is not reopened on reload, and a full disk must not block the revocation of a key.
      const next = rereadConfiguration(flags, { ...context, whyNotWritable: () => undefined }, current);
      // Also the files of a rejected configuration: its secrets may be mounted after it.
      files = next.files ?? files;
      if (next.ok) {
        current = next;
        gateway.reload(next, next.kept.map(formatProblem));
      } else gateway.rejectReload(next.problems.map(formatProblem));
    };
    const watching = watchFiles(
      { files: () => files, readFile: context.readFile, onChange: reload },
      { clock },
    );
    const signal = await stopped;
    watching.close();
    reload = () => {};
    await gateway.stop({ immediate: signal === 'SIGINT', signal });
    await lines?.close();
    return 0;
  },
};
