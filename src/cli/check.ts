import type { Command } from './command.ts';
import { CONFIG_FLAG, printProblems, readConfiguration } from './configuration.ts';

export const check: Command = {
  name: 'check',
  summary: 'check the configuration',
  flags: CONFIG_FLAG,
  help: `  --config FILE   configuration (or set ATLAS_GATEWAY_CONFIG)

Prints every problem at once, each with file, line and what to write instead, and exits with 2; with 0 where there is none.
`,
  async run(flags, context) {
    const loaded = readConfiguration(flags, context);
    if (!loaded.ok) {
      printProblems(loaded, context);
      return 2;
    }
    const { listen, admin, upstream, credentials, callers } = loaded.config;
    context.print(`The configuration is good.
  listens on   ${listen.host}:${listen.port}, admin on ${admin.host}:${admin.port}
  asks         ${upstream.origin}
  credentials  ${credentials.map(({ name }) => name).join(', ')}
  callers      ${callers.map(({ name }) => name).join(', ') || 'none'}${loaded.config.anonymous === undefined ? '' : ', and anonymous ones'}
`);
    return 0;
  },
};
