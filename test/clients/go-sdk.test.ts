import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { operations } from '../../src/atlas/operations.ts';
import type { Running } from '../support/running.ts';
import { readPathValues, unnamed } from './path-values.ts';
import { createDownloads, isMissing, isUnavailable, print, run } from './programs.ts';
import { key, startForTeam } from './team.ts';

const PROGRAM = 'test/clients/go';
// go.sum holds the checksums; a checksum database need not be reachable as well.
const ENV = { GOSUMDB: 'off', GOFLAGS: '-mod=readonly' };
/** Releases of the SDK, and the day of the API versions that they ask for. */
const SDKS = {
  'v20231001001.0.0': '2023-10-01',
  'v20241113005.0.0': '2024-11-13',
  'v20250312012.0.0': '2025-03-12',
};
const AUTHS = ['oauth', 'digest'];
const paths = new Set(operations.map(({ path }) => unnamed(path)));

/** Values of query parameters that an operation requires. */
const QUERY = {
  CloudProvider: 'AWS',
  Granularity: 'PT1H',
  Metrics: 'CONNECTIONS',
  ProviderName: 'AWS',
  RegionName: 'US_EAST_1',
};

/** A call of one method of the SDK, as the program prints it. */
interface Call {
  readonly sdk: string;
  readonly auth: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly error?: string;
}

/** Methods that cannot succeed, by what they get. A response of 200 is one that the SDK's own types cannot hold. */
const EXCEPTIONS: readonly (readonly [sdk: string, method: string, status: number, reason: string])[] = [
  ['v20231001001.0.0', 'GetInvoice', 406, 'asks for CSV'],
  ['v20231001001.0.0', 'CreateCostExplorerQueryProcess1', 406, 'asks for CSV'],
  ['v20231001001.0.0', 'GetIdentityProvider', 0, 'demands an id of Okta, which the simulator does not have'],
  ['v20231001001.0.0', 'ListConnectedOrgConfigs', 200, 'expects an array; Atlas describes a list'],
  ['v20231001001.0.0', 'ListIdentityProviders', 200, 'expects an array; Atlas describes a list'],
  ['v20231001001.0.0', 'ListRoleMappings', 200, 'expects an array; Atlas describes a list'],
  [
    'v20231001001.0.0',
    'ListAlertConfigurationsByAlertId',
    200,
    'has integers for thresholds that are fractions',
  ],
  [
    'v20241113005.0.0',
    'ListAlertConfigurationsByAlertId',
    200,
    'has integers for thresholds that are fractions',
  ],
  ['v20241113005.0.0', 'QueryLineItemsFromSingleInvoice', 400, 'sends a body with a GET'],
  ['v20250312012.0.0', 'SearchInvoiceLineItems', 400, 'sends a body with a GET'],
];

const nameOf = ({ method }: Call) => method.replace(/WithParams$/, '');

/** The calls that are no reads of the catalog answered with 200 and understood, and no others answered with 501. */
const surprises = (calls: readonly Call[]) =>
  calls
    .filter(({ path, status, error }) =>
      paths.has(path) ? status !== 200 || error !== undefined : status !== 501,
    )
    .map((call) => ({ method: nameOf(call), status: call.status, error: call.error }));

const noGo =
  isMissing('go', 'version') ||
  (await isUnavailable('the Atlas SDK for Go', 'go', ['mod', 'download'], { cwd: PROGRAM, env: ENV }));

describe.skipIf(noGo)('the Atlas SDK for Go', () => {
  const downloads = createDownloads();
  let running: Running;
  let calls: readonly Call[];

  beforeAll(async () => {
    running = await startForTeam();
    const program = join(downloads.folder, 'reads');
    expect(await run('go', ['build', '-o', program, '.'], { cwd: PROGRAM, env: ENV })).toMatchObject({
      code: 0,
    });
    const values = Object.entries(SDKS).map(async ([sdk, day]) => [sdk, await readPathValues(day)] as const);
    const input = {
      Origin: running.origin,
      ID: key.id,
      Secret: key.secret,
      Values: Object.fromEntries(await Promise.all(values)),
      Query: QUERY,
    };
    const { out, err } = await run(program, [], { input: JSON.stringify(input) });
    expect(err).toBe('');
    calls = out
      .trim()
      .split('\n')
      .map((line): Call => JSON.parse(line));
  }, 300_000);
  afterAll(async () => {
    await running.stop();
    downloads.remove();
  });

  for (const sdk of Object.keys(SDKS))
    for (const auth of AUTHS)
      test(`${sdk} with ${auth}: every read of the catalog succeeds, the others are refused with 501`, () => {
        const own = calls.filter((call) => call.sdk === sdk && call.auth === auth);
        const reads = own.filter(({ path }) => paths.has(path)).length;
        const refused = own.filter(({ status }) => status === 501).length;
        const exceptions = EXCEPTIONS.filter(([release]) => release === sdk);
        const served = own.filter(({ status, error }) => status === 200 && error === undefined).length;
        print(
          `Atlas SDK for Go ${sdk}, ${auth}: ${served} of ${reads} reads succeed, ${refused} others get 501`,
        );
        for (const [, method, , reason] of exceptions) print(`  not ${method}, which ${reason}`);
        expect(served).toBeGreaterThan(140);
        const unexplained = surprises(own).filter(
          ({ method, status }) => !exceptions.some(([, name, got]) => name === method && got === status),
        );
        expect(unexplained).toEqual([]);
        expect(
          exceptions.filter(([, name]) => !surprises(own).some(({ method }) => method === name)),
        ).toEqual([]);
      });
});
