import type { ProbedCredential } from '../../compose/probe.ts';
import type { GatewayConfig, SecretRef } from '../../config/schema.ts';
import { type CommandBody, type CommandContext, type ExitCode, UsageError } from '../command.ts';
import { CONFIG_FLAG, CONFIG_HELP, printProblems, readConfiguration } from '../configuration.ts';

type LoadResult = Extract<ReturnType<typeof readConfiguration>, { ok: true }>;
type Credential = GatewayConfig['credentials'][number];

/** Credentials probed in parallel. With more, a probe's timeout would also cover the wait for the others. */
const CONCURRENCY = 4;
const ERASE_LINE = '\r\u001b[K';

const describeRef = (ref: SecretRef | undefined) =>
  ref === undefined ? '' : 'env' in ref ? `the environment variable ${ref.env}` : `the file ${ref.file}`;

/** The sources of a credential's secrets. */
const sourcesOf = ({ serviceAccount, apiKey }: Credential) =>
  serviceAccount === undefined
    ? `${describeRef(apiKey?.publicKey)} and ${describeRef(apiKey?.privateKey)}`
    : `${describeRef(serviceAccount.clientId)} and ${describeRef(serviceAccount.clientSecret)}`;

/** The remedy for a failed probe. */
function remedy({ outcome }: ProbedCredential, credential: Credential, { upstream }: GatewayConfig): string {
  switch (outcome) {
    case 'accepted':
      return '';
    case 'wrong-secret':
      return `Compare ${sourcesOf(credential)} with Atlas; if the secret has expired or was deleted, create a new one.`;
    case 'address-refused':
      return "Add this machine's public address to the access list of the credential or the organization in Atlas.";
    case 'forbidden':
      return 'In Atlas, check its roles, its access list, and whether it already has 100 active tokens.';
    case 'rate-limited':
      return 'The Atlas rate limit is exhausted; try again in a minute.';
    case 'unreachable':
      return `Check name resolution, firewall and proxy between this machine and ${upstream.origin}, and check upstream.origin.`;
    case 'untrusted':
      return 'A proxy may be intercepting TLS: set NODE_EXTRA_CA_CERTS to its CA certificate, or correct upstream.origin.';
    case 'too-slow':
      return `Check the network between this machine and ${upstream.origin}, or raise upstream.timeout.`;
    case 'unexpected':
      return 'Try again; if it persists, check that upstream.origin is Atlas.';
  }
}

/** Ids configured for a credential that it has no access to. */
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
      text: `  failed  ${credential.name}: ${took}. Atlas does not report which projects it sees: give it a role that can read projects, or omit --projects.`,
    };
  const unseen = unseenOf(credential, probed.sees);
  return unseen.length === 0
    ? {
        good: true,
        text: `  ok      ${credential.name}: ${took}, sees ${probed.sees.size} projects and organizations`,
      }
    : {
        good: false,
        text: `  failed  ${credential.name}: ${took}. It does not see ${unseen.join(', ')}: give it a role there, or remove the ids.`,
      };
}

/** A line for each caller with a grant that no credential covers. */
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
          `  failed  caller ${name}: no credential sees ${unseen.join(', ')}; give one a role there, or remove the ids.`,
        ];
  });
}

/** Probes Atlas with every credential and prints a line for each, in the order of the configuration. */
async function checkOnline(
  { config, secretOf }: LoadResult,
  { discoverScopes }: { discoverScopes: boolean },
  { version, clock, random, print, isTerminal }: CommandContext,
): Promise<ExitCode> {
  const { credentials, upstream } = config;
  // Imported here because only --online needs it.
  const { createCredentialProber } = await import('../../compose/probe.ts');
  const prober = createCredentialProber({ config, secretOf }, { version, clock, random });
  const probed: (ProbedCredential | undefined)[] = credentials.map(() => undefined);
  let started = 0;
  let printed = 0;
  let failures = 0;
  const progress = () => {
    const completed = probed.filter((one) => one !== undefined).length;
    if (isTerminal && completed < credentials.length)
      print(`${ERASE_LINE}  ${completed} of ${credentials.length} answered …`);
  };
  const erase = () => {
    if (isTerminal) print(ERASE_LINE);
  };
  const report = (line: { good: boolean; text: string }) => {
    erase();
    print(`${line.text}\n`);
    if (!line.good) failures++;
  };

  async function worker(): Promise<void> {
    for (;;) {
      const index = started++;
      const credential = credentials[index];
      if (credential === undefined) return;
      probed[index] = await prober.verify(credential, { discoverScopes });
      for (;;) {
        const [next, result] = [credentials[printed], probed[printed]];
        if (next === undefined || result === undefined) break;
        printed++;
        report(lineOf(next, result, config, discoverScopes));
      }
      progress();
    }
  }

  print(`\nProbing ${upstream.origin} with each credential:\n`);
  progress();
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  await prober.close();
  // The scope of a failed credential is unknown, so callers are only checked if all probes succeed.
  if (discoverScopes && failures === 0)
    for (const text of callerLines(config, probed)) report({ good: false, text });
  print(failures === 0 ? 'Atlas accepts every credential.\n' : `${failures} failed.\n`);
  return failures === 0 ? 0 : 1;
}

/** A line for each expired secret. The gateway starts anyway, because other credentials may still be valid. */
function expiredLines({ credentials, callers }: GatewayConfig, nowMs: number): string[] {
  const isExpired = ({ expires }: { expires?: string | undefined }) =>
    expires !== undefined && Date.parse(expires) <= nowMs;
  const ofCredentials = credentials
    .filter(isExpired)
    .map(({ name, expires }) => `credential ${name} expired on ${expires}: create a new secret in Atlas`);
  const ofKeys = callers.flatMap(({ name, keys }) =>
    keys
      .filter(isExpired)
      .map(
        ({ id, expires }) =>
          `key ${id} of ${name} expired on ${expires}: remove it, or create a new one with new-key`,
      ),
  );
  return [...ofCredentials, ...ofKeys];
}

const placeOf = ({ host, port, socket }: GatewayConfig['admin'] | GatewayConfig['listen']) =>
  socket ?? `${host}:${port}`;

export const check: CommandBody = {
  flags: {
    ...CONFIG_FLAG,
    online: {
      type: 'boolean',
      description:
        'Also verifies each credential with one request to Atlas, which lists projects. A token issued for the check is revoked afterwards.',
    },
    projects: {
      type: 'boolean',
      description:
        'With --online: also discovers which projects and organizations each credential can read, and reports configured ids that none can.',
    },
  },
  help: {
    description: [
      'Prints all problems at once, each with file, line and remedy. Without --online it sends nothing to Atlas, and it never opens a port: it can run next to a running gateway, in a pipeline, or before a deployment.',
      'With --online it prints a line for each credential: the outcome, the duration, and the remedy if it failed. Each request is aborted after upstream.timeout. No secret is printed.',
    ],
    ...CONFIG_HELP,
    exitCodes: [
      ['0', 'The configuration is valid; with --online, Atlas also accepts every credential.'],
      ['1', 'With --online: the configuration is valid, but a credential failed.'],
      ['2', 'Invalid usage or configuration; every problem is printed.'],
    ],
    examples: [
      ['atlas-gateway check --config gateway.yaml', 'Checks a configuration.'],
      ['atlas-gateway check --config gateway.yaml --online', 'Also verifies its credentials with Atlas.'],
      [
        'atlas-gateway check --config gateway.yaml --online --projects',
        'Also checks that they can read the configured projects.',
      ],
    ],
  },
  async run(flags, context) {
    const online = flags['online'] === true;
    const discoverScopes = flags['projects'] === true;
    if (discoverScopes && !online) throw new UsageError('--projects sends requests to Atlas: add --online');
    const loaded = readConfiguration(flags, context);
    if (!loaded.ok) {
      printProblems(loaded, context);
      return 2;
    }
    const { listen, admin, upstream, credentials, callers } = loaded.config;
    context.print(`The configuration is valid.
  listens on   ${placeOf(listen)}, admin on ${placeOf(admin)}
  upstream     ${upstream.origin}
  credentials  ${credentials.map(({ name }) => name).join(', ')}
  callers      ${callers.map(({ name }) => name).join(', ') || 'none'}${loaded.config.anonymous === undefined ? '' : ', and anonymous ones'}
`);
    for (const line of expiredLines(loaded.config, context.clock.wall()))
      context.print(`  note         ${line}\n`);
    return online ? checkOnline(loaded, { discoverScopes }, context) : 0;
  },
};
