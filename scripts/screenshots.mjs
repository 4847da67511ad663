// Generates docs/images: screenshots, taken with the system's Chromium, of the pages of a gateway that has run for an hour in front of a
// simulated Atlas. The hour takes seconds, because the script advances the gateway's clock between requests.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { compose } from '../dist/compose/gateway.js';
import { configSchema } from '../dist/config/schema.js';
import { createSystemClock } from '../dist/lib/clock.js';
import { createSystemRandom } from '../dist/lib/random.js';
import { createSimulator } from '../dist/simulator/server.js';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../dist/simulator/world.js';
import { withPalette } from './palette.mjs';

const folder = new URL('../docs/images/', import.meta.url);
const ACCEPT = 'application/vnd.atlas.2023-02-01+json';
const HOUR_MS = 3_600_000;
const STEP_MS = 10_000;
const DAY_MS = 86_400_000;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const system = createSystemClock();
let passedMs = 0;
const clock = {
  now: () => system.now() + passedMs,
  wall: () => system.wall() + passedMs,
  after: system.after,
};
const random = createSystemRandom();
const simulator = createSimulator({}, { clock, random });
const origin = await simulator.listen(0);

const { payments, orders, search, ledger, single, empty } = SAMPLE_PROJECTS;
const key = (number) => ({
  id: `agw_Picture0000${number}`,
  secret: `picture-${number}-`.padEnd(43, 'x'),
});
const teams = [
  { name: 'team-payments', key: key(1), projects: [payments.id, ledger.id] },
  { name: 'team-orders', key: key(2), projects: [orders.id] },
  { name: 'team-search', key: key(3), projects: [search.id, single.id, empty.id] },
  { name: 'terraform', key: key(4), projects: 'all', organizations: 'all' },
];
const { serviceAccount, apiKey } = SAMPLE_CREDENTIALS;
const env = {
  ID: serviceAccount.clientId,
  SECRET: serviceAccount.clientSecret,
  PUBLIC: apiKey.publicKey,
  PRIVATE: apiKey.privateKey,
};
const day = (days) => new Date(clock.wall() + days * DAY_MS).toISOString().slice(0, 10);
const config = configSchema.parse({
  listen: { port: 0, publicUrl: 'http://gateway.internal:8080' },
  admin: { port: 0 },
  upstream: { origin },
  credentials: [
    {
      name: 'store',
      serviceAccount: { clientId: { env: 'ID' }, clientSecret: { env: 'SECRET' } },
      projects: [payments, orders, search, empty].map(({ id }) => id),
      expires: day(211),
    },
    {
      name: 'lab',
      apiKey: { publicKey: { env: 'PUBLIC' }, privateKey: { env: 'PRIVATE' } },
      projects: [ledger, single].map(({ id }) => id),
      expires: day(12),
    },
  ],
  callers: teams.map(({ key: { id, secret }, ...team }) => ({
    ...team,
    keys: [{ id, sha256: createHash('sha256').update(secret).digest('hex') }],
  })),
});
const gateway = compose(
  {
    config,
    secretOf: (ref) => env[ref.env] ?? '',
    build: { version, node: process.version },
    log: { destination: { write: () => undefined }, people: false, colorize: false },
  },
  { clock, random },
);
const { publicOrigin, adminOrigin } = await gateway.start();

const ask = async (team, project, list = 'streams/privateLinkConnections', version = ACCEPT) => {
  const { id, secret } = team.key;
  const headers = { accept: version, authorization: `Bearer ${id}_${secret}` };
  const answer = await fetch(`${publicOrigin}/api/atlas/v2/groups/${project.id}/${list}`, { headers });
  await answer.arrayBuffer();
};
const [paying, ordering, searching, terraform] = teams;
const hits = async (step) => {
  const wave = 1 + Math.sin(step / 40) + 0.4 * Math.sin(step / 7);
  for (let one = 0; one < 3 * wave + 1; one++) await ask(paying, payments);
  for (let one = 0; one < 2 * wave; one++) await ask(ordering, orders);
  await ask(searching, search);
  if (step % 9 === 0) await ask(paying, ledger);
  if (step % 30 === 0) for (const project of [single, empty]) await ask(searching, project);
  if (step % 60 === 5)
    for (const project of Object.values(SAMPLE_PROJECTS))
      await ask(terraform, project, 'clusters', 'application/vnd.atlas.2024-08-05+json');
  if (step % 97 === 90) await ask(ordering, payments);
};
for (let step = 0; step < HOUR_MS / STEP_MS; step++) {
  if (step === 200) simulator.faults.add({ target: 'privateLink', status: 503 });
  if (step === 212) simulator.faults.clear();
  await hits(step);
  passedMs += STEP_MS;
}
await fetch(`${publicOrigin}/api/atlas/v2/groups/${orders.id}/clusters`, { headers: { accept: ACCEPT } });
await fetch(`${publicOrigin}/api/atlas/v2/groups`, {
  headers: { accept: ACCEPT, authorization: `Bearer ${terraform.key.id}_${terraform.key.secret}` },
});
await hits(1);

const browser = await chromium.launch({
  executablePath: execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim(),
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
mkdirSync(folder, { recursive: true });
const links = `/projects/${orders.id}/private-link-connections?sort=-state`;
const pictures = [
  { name: 'status-light', path: '/', width: 1280, scheme: 'light' },
  { name: 'status-dark', path: '/', width: 1280, scheme: 'dark' },
  { name: 'status-narrow', path: '/', width: 360, scheme: 'light', height: 1_400 },
  { name: 'status-drill-down', path: `/?project=${payments.id}`, width: 1280, scheme: 'light', height: 900 },
  { name: 'connections', path: links, width: 1280, scheme: 'light', height: 900 },
];
const landing = [
  { name: 'landing', origin: publicOrigin, path: '/', width: 1200, scheme: 'light', height: 900 },
  { name: 'landing-narrow', origin: publicOrigin, path: '/', width: 360, scheme: 'dark', height: 900 },
];
const outage = [
  { name: 'status-outage', path: '/', width: 1280, scheme: 'light', height: 600 },
  { name: 'status-outage-narrow', path: '/', width: 360, scheme: 'dark', height: 900 },
];
async function take(pictures) {
  for (const { name, origin: at = adminOrigin, path, width, scheme, height } of pictures) {
    const page = await browser.newPage({ viewport: { width, height: height ?? 900 }, colorScheme: scheme });
    await page.goto(`${at}${path}`);
    const picture = withPalette(await page.screenshot({ fullPage: height === undefined }));
    writeFileSync(new URL(`${name}.png`, folder), picture);
    process.stdout.write(`docs/images/${name}.png ${picture.length} bytes\n`);
    await page.close();
  }
}

/** Atlas fails, and lists that are no longer fresh are read. */
async function beginOutage() {
  simulator.faults.add({ target: 'privateLink', status: 503 });
  passedMs += 58_000;
  await Promise.all([ask(paying, payments), ask(ordering, orders), ask(searching, search)]);
  // The refreshes, with their retries, run behind the answers.
  while ((await (await fetch(`${adminOrigin}/status.json`)).json()).failing.length < 3) await hits(1);
}

try {
  await take(pictures);
  await take(landing);
  await beginOutage();
  await take(outage);
} finally {
  await browser.close();
  await gateway.stop({ immediate: true });
  await simulator.close();
}
