import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCatalog, type Operation, targetPath } from '../../src/atlas/catalog.ts';
import { operations } from '../../src/atlas/operations.ts';
import { asAtlas, type Reply, type Running } from '../support/running.ts';
import { existing, startAtlas } from '../support/simulated-reads.ts';
import { print } from './programs.ts';
import { key, startForTeam } from './team.ts';
import { TERRAFORM_ABSENT, TERRAFORM_READS } from './terraform-reads.ts';

const catalog = createCatalog(operations);
const atlas = startAtlas();
const TYPES = Object.keys(TERRAFORM_READS);

/** A request of a refresh; `missing` is the same for an element that does not exist, where the path names one. */
interface Read {
  readonly path: string;
  readonly missing: string | undefined;
  readonly accept: string;
}

function operationOf(id: string): Operation {
  const operation = catalog.find(id);
  if (operation === undefined) throw new Error(`${id} is not in the catalog`);
  return operation;
}

/** Changes the last value of an element's path so that it is still well-formed, and that hardly anything has it. */
const strange = (path: string) => path.replace(/[^/]$/, (end) => (end === '7' ? '6' : '7'));

async function readOf(id: string): Promise<Read> {
  const operation = operationOf(id);
  const version = operation.versions.findLast(({ name }) => name !== 'preview')?.name ?? 'preview';
  const { samples } = await existing(atlas, operation, version);
  const path = targetPath(operation, samples);
  // One of a few words, such as a provider: any other is malformed, and not missing.
  const isChoice = operation.pathParameters.at(-1)?.enum !== undefined;
  return {
    path,
    missing: operation.kind === 'element' && !isChoice ? strange(path) : undefined,
    accept: `application/vnd.atlas.${version}+json`,
  };
}

describe('a refresh like that of Terraform', () => {
  let running: Running;
  const reads = new Map<string, readonly Read[]>();

  beforeAll(async () => {
    running = await startForTeam();
    for (const type of TYPES) reads.set(type, await Promise.all((TERRAFORM_READS[type] ?? []).map(readOf)));
  });
  afterAll(() => running.stop());

  const readsOf = (type: string) => reads.get(type) ?? [];
  const throughGateway = (path: string, accept: string) =>
    running.get(path, { accept, authorization: key.bearer });
  const seen = ({ status, text }: Reply) => `${status} ${asAtlas(text, running.origin)}`;

  /** The state that a refresh leaves: what each of its requests is answered. */
  const refresh = (type: string) =>
    Promise.all(readsOf(type).map(async ({ path, accept }) => seen(await throughGateway(path, accept))));

  test.each(TYPES)('%s has the state that Atlas gives it, also when refreshed again', async (type) => {
    const direct = await Promise.all(
      readsOf(type).map(async ({ path, accept }) => seen(await running.atlasGet(path, { accept }))),
    );
    expect(direct.filter((state) => !state.startsWith('200 '))).toEqual([]);
    expect(await refresh(type)).toEqual(direct);
    expect(await refresh(type)).toEqual(direct);
  });

  test('an element is missing if Atlas says so', async () => {
    const missing = TYPES.flatMap((type) => readsOf(type).filter((read) => read.missing !== undefined));
    const statuses = missing.map(async ({ missing: path = '', accept }) => {
      const [direct, served] = [await running.atlasGet(path, { accept }), await throughGateway(path, accept)];
      return { path, direct: direct.status, served: served.status };
    });
    const settled = await Promise.all(statuses);
    expect(settled.filter(({ direct, served }) => direct !== served)).toEqual([]);
    expect(settled.filter(({ served }) => served === 404).length).toBeGreaterThan(30);
  });

  test('nothing is missing because Atlas cannot be reached', async () => {
    await running.simulator.close();
    const all = TYPES.flatMap(readsOf);
    const known = await Promise.all(all.map(({ path, accept }) => throughGateway(path, accept)));
    expect(known.filter(({ status }) => status !== 200)).toEqual([]);
    const unknown = all.filter(({ missing }) => missing !== undefined);
    const lost = await Promise.all(
      unknown.map(({ missing = '', accept }) => throughGateway(`${missing.slice(0, -2)}55`, accept)),
    );
    expect(lost.filter(({ status }) => status === 404 || status === 200)).toEqual([]);
    print(`Terraform: ${TYPES.length} resource types refreshed`);
    for (const [type, reason] of Object.entries(TERRAFORM_ABSENT))
      print(`Terraform: not ${type}, which ${reason}`);
  }, 60_000);
});
