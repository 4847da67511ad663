import type { ProbedCredential } from '../../compose/probe.ts';
import type { GatewayConfig, SecretRef } from '../../config/schema.ts';
import { type CommandBody, type CommandContext, type ExitCode, UsageError } from '../command.ts';
import { CONFIG_FLAG, CONFIG_HELP, printProblems, readConfiguration } from '../configuration.ts';

type LoadResult = Extract<ReturnType<typeof readConfiguration>, { ok: true }>;
type Credential = GatewayConfig['credentials'][number];

/** So many credentials are asked with at a time: with more, each would wait for the others within its own time. */
const CONCURRENCY = 4;
const ERASE_LINE = '\r\u001b[K';

const shown = (ref: SecretRef | undefined) =>
  ref === undefined ? '' : 'env' in ref ? `the environment variable ${ref.env}` : `the file ${ref.file}`;

/** Where the secret parts of a credential come from. */
const placeOf = ({ serviceAccount, apiKey }: Credential) =>
  serviceAccount === undefined
    ? `${shown(apiKey?.publicKey)} and ${shown(apiKey?.privateKey)}`
    : `${shown(serviceAccount.clientId)} and ${shown(serviceAccount.clientSecret)}`;

/** What to do about a credential that failed. */
function remedy({ outcome }: ProbedCredential, credential: Credential, { upstream }: GatewayConfig): string {
  switch (outcome) {
    case 'accepted':
      return '';
    case 'wrong-secret':
      return `Compare ${placeOf(credential)} with Atlas; where the secret has ended or was deleted, make another one.`;
    case 'address-refused':
      return "Add this machine's public address to the access list of the credential or the organization in Atlas.";
    case 'forbidden':
      return 'Look in Atlas at its roles, at its access list, and whether it has 100 live tokens already.';
    case 'rate-limited':
      return 'Atlas limits how often it may be asked: try again in a minute.';
    case 'unreachable':
      return `Look at name resolution, firewall and proxy between this machine and ${upstream.origin}, and at upstream.origin.`;
    case 'untrusted':
      return 'Something between here and Atlas has a certificate of its own: set NODE_EXTRA_CA_CERTS to its authority, or mend upstream.origin.';
    case 'too-slow':
      return `Look at the network between here and ${upstream.origin}, or raise upstream.timeout.`;
    case 'unexpected':
      return 'Try again; where it stays, look whether upstream.origin is Atlas.';
  }
}

/** Ids that the configuration names for a credential and that it does not see. */
const unseenOf = ({ projects = [], organizations = [] }: Credential, sees: ReadonlySet<string>) =>
  [...projects, ...organizations].filter((id) => !sees.has(id));

function lineOf(
  credential: Credential,
  probed: ProbedCredential,
  config: GatewayConfig,
  discoverScopes: boolean,
) {
  const kind = credential.serviceAccount === undefined ? 'API key' : 'service account';
  const took = `${kind}, ${Math.round(probed.durationMs)} ms`;
  if (probed.outcome !== 'accepted')
    return {
      good: false,
      text: `  failed  ${credential.name}: ${took}. ${probed.detail} ${remedy(probed, credential, config)}`,
    };
  if (!discoverScopes) return { good: true, text: `  ok      ${credential.name}: ${took}` };
  if (probed.sees === undefined)
    return {
      good: false,
      text: `  failed  ${credential.name}: ${took}. Atlas does not say what it sees: give it a role that reads projects, or leave --projects out.`,
    };
  const unseen = unseenOf(credential, probed.sees);
  return unseen.length === 0
    ? {
        good: true,
        text: `  ok      ${credential.name}: ${took}, sees ${probed.sees.size} projects and organizations`,
      }
    : {
        good: false,
        text: `  failed  ${credential.name}: ${took}. It does not see ${unseen.join(', ')}: give it a role there, or take the ids out.`,
      };
}

/** A line for each caller that is given something which no credential may be asked about. */
function callerLines(
  { callers, credentials }: GatewayConfig,
  probed: readonly (ProbedCredential | undefined)[],
) {
  const known = (id: string) =>
    credentials.some(({ projects, organizations }, index) => {
      const covered = projects === undefined && organizations === undefined;
      return (
        probed[index]?.sees?.has(id) === true &&
        (covered || projects?.includes(id) === true || organizations?.includes(id) === true)
      );
    });
  return callers.flatMap(({ name, projects, organizations }) => {
    const ids = [projects, organizations].flatMap((granted) => (granted === 'all' ? [] : granted));
    const unseen = ids.filter((id) => !known(id));
    return unseen.length === 0
      ? []
      : [
          `  failed  caller ${name}: no credential sees ${unseen.join(', ')}; give one a role there, or take the ids out.`,
        ];
  });
}

/** Asks Atlas with every credential, and prints a line for each, in the order of the configuration. */
async function checkOnline(
  { config, secretOf }: LoadResult,
  { discoverScopes }: { discoverScopes: boolean },
  { clock, random, print, isTerminal }: CommandContext,
): Promise<ExitCode> {
  const { credentials, upstream } = config;
  // Only --online asks, so only it waits until this is read.
  const { createCredentialProber } = await import('../../compose/probe.ts');
  const prober = createCredentialProber({ config, secretOf }, { clock, random });
  const probed: (ProbedCredential | undefined)[] = credentials.map(() => undefined);
  let begun = 0;
  let printed = 0;
  let failures = 0;
  const progress = () => {
    const ended = probed.filter((one) => one !== undefined).length;
    if (isTerminal && ended < credentials.length)
      print(`${ERASE_LINE}  ${ended} of ${credentials.length} answered …`);
  };
  const erase = () => {
    if (isTerminal) print(ERASE_LINE);
  };
  const report = (line: { good: boolean; text: string }) => {
    erase();
    print(`${line.text}\n`);
    if (!line.good) failures++;
  };

  async function lane(): Promise<void> {
    for (;;) {
      const index = begun++;
      const credential = credentials[index];
      if (credential === undefined) return;
      probed[index] = await prober.verify(credential, { discoverScopes });
      for (;;) {
        const [next, told] = [credentials[printed], probed[printed]];
        if (next === undefined || told === undefined) break;
        printed++;
        report(lineOf(next, told, config, discoverScopes));
      }
      progress();
    }
  }

  print(`\nAsking ${upstream.origin} with each credential:\n`);
  progress();
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  await prober.close();
  // What those that failed would see is not known, so nothing is said of callers then.
  if (discoverScopes && failures === 0)
    for (const text of callerLines(config, probed)) report({ good: false, text });
  print(failures === 0 ? 'Atlas accepts every credential.\n' : `${failures} failed.\n`);
  return failures === 0 ? 0 : 1;
}

/** A line for each secret whose day is over. The gateway starts all the same: others may still be valid. */
function expiredLines({ credentials, callers }: GatewayConfig, nowMs: number): string[] {
  const isOver = ({ expires }: { expires?: string | undefined }) =>
    expires !== undefined && Date.parse(expires) <= nowMs;
  const ofCredentials = credentials
    .filter(isOver)
    .map(({ name, expires }) => `credential ${name} expired on ${expires}: make another secret in Atlas`);
  const ofKeys = callers.flatMap(({ name, keys }) =>
    keys
      .filter(isOver)
      .map(
        ({ id, expires }) =>
          `key ${id} of ${name} expired on ${expires}: remove it, or make another one with new-key`,
      ),
  );
  return [...ofCredentials, ...ofKeys];
}

export const check: CommandBody = {
  flags: {
    ...CONFIG_FLAG,
    online: {
      type: 'boolean',
      description:
        'Also proves each credential by one question to Atlas: which projects there are. A token that is made for it is given back.',
    },
    projects: {
      type: 'boolean',
      description:
        'With --online: also asks which projects and organizations each credential sees, and tells which ones the configuration names in vain.',
    },
  },
  help: {
    description: [
      'Prints every problem at once, each with file, line and what to write instead. Nothing is asked of Atlas without --online, and nothing is listened on: it may run beside a gateway, in a pipeline, or in front of a deployment.',
      'With --online there is a line for each credential: the outcome, the time it took, and what to do where it failed. Each question ends after upstream.timeout. No secret is printed.',
    ],
    ...CONFIG_HELP,
    exitCodes: [
      ['0', 'There is no problem, and with --online Atlas accepts every credential.'],
      ['1', 'With --online: the configuration is good, but a credential failed.'],
      ['2', 'Wrong usage or configuration; every problem is printed.'],
    ],
    examples: [
      ['atlas-gateway check --config gateway.yaml', 'Checks a configuration.'],
      ['atlas-gateway check --config gateway.yaml --online', 'And its credentials, asking Atlas.'],
      [
        'atlas-gateway check --config gateway.yaml --online --projects',
        'And whether they see the projects that it names.',
      ],
    ],
  },
  async run(flags, context) {
    const online = flags['online'] === true;
    const discoverScopes = flags['projects'] === true;
    if (discoverScopes && !online) throw new UsageError('--projects asks Atlas: write --online too');
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
    for (const line of expiredLines(loaded.config, context.clock.wall()))
      context.print(`  note         ${line}\n`);
    return online ? checkOnline(loaded, { discoverScopes }, context) : 0;
  },
};
