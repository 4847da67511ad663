import { createHash } from 'node:crypto';
import type { Operation } from '../atlas/catalog.ts';
import { type BucketSize, bucketSizeOf } from '../atlas/rate-limit-buckets.ts';
import type { Json } from './pages.ts';

/** A project of the simulated Atlas. */
export interface SimulatedProject {
  readonly id: string;
  readonly name: string;
  readonly orgId: string;
  /** Number of seeded private link connections. */
  readonly connections: number;
  /** False if the sample credentials have no access. */
  readonly visible: boolean;
}

const ORG_STORE = '5f0a1b2c3d4e5f6071829301';
const ORG_LAB = '5f0a1b2c3d4e5f6071829302';
const project = (
  id: string,
  name: string,
  orgId: string,
  connections: number,
  visible = true,
): SimulatedProject => ({ id, name, orgId, connections, visible });

/** The projects of every simulator. `payments` has a long list, `empty` an empty one; the sample credentials have no access to `hidden`. */
export const SAMPLE_PROJECTS = {
  payments: project('64b7c0ffee0000000000a001', 'payments', ORG_STORE, 1_234),
  empty: project('64b7c0ffee0000000000a002', 'empty', ORG_STORE, 0),
  hidden: project('64b7c0ffee0000000000a003', 'hidden', ORG_LAB, 7, false),
  orders: project('64b7c0ffee0000000000a004', 'orders', ORG_STORE, 42),
  search: project('64b7c0ffee0000000000a005', 'search', ORG_STORE, 500),
  ledger: project('64b7c0ffee0000000000a006', 'ledger', ORG_LAB, 501),
  single: project('64b7c0ffee0000000000a007', 'single', ORG_LAB, 1),
} as const;

/** Credentials that every simulator accepts. They are valid nowhere else. */
export const SAMPLE_CREDENTIALS = {
  serviceAccount: {
    clientId: 'mdb_sa_id_64b7c0ffee0000000000c001',
    clientSecret: 'mdb_sa_sk_sample_secret_of_the_simulator',
  },
  apiKey: { publicKey: 'simulatr', privateKey: '64b7c0ff-ee00-4000-a000-00000000c002' },
} as const;

const STATES = ['IDLE', 'WORKING', 'DONE', 'FAILED', 'DELETE_REQUESTED', 'DELETED', 'REJECTED'];
const REGIONS = {
  AWS: ['US_EAST_1', 'EU_WEST_1', 'AP_SOUTHEAST_2'],
  AZURE: ['US_EAST_2', 'EUROPE_WEST'],
  GCP: ['US_CENTRAL1', 'EUROPE_WEST3'],
} as const;
const VENDORS = {
  AWS: ['MSK', 'CONFLUENT', 'KINESIS', 'S3'],
  AZURE: ['EVENTHUB', 'CONFLUENT', 'GENERIC'],
  GCP: ['CONFLUENT', 'GENERIC'],
} as const;
const PROVIDERS = ['AWS', 'AZURE', 'GCP'] as const;

const hex = (seed: string, length: number) =>
  createHash('sha256').update(seed).digest('hex').slice(0, length);
const pick = (choices: readonly string[], index: number): string => choices[index % choices.length] ?? '';

/** A private link connection; provider and vendor determine which fields it has. */
export function privateLinkConnection(seed: string, index: number): Json {
  const provider = PROVIDERS[index % PROVIDERS.length] ?? 'AWS';
  const round = Math.floor(index / PROVIDERS.length);
  const vendor = pick(VENDORS[provider], round);
  const state = pick(STATES, Math.floor(index / 2));
  const region = pick(REGIONS[provider], round);
  const name = hex(`${seed}/${index}/name`, 8);
  return {
    _id: `${hex(`${seed}/${index}`, 16)}${index.toString(16).padStart(8, '0')}`,
    provider,
    region,
    state,
    vendor,
    arn: vendor === 'MSK' ? `arn:aws:kafka:us-east-1:123456789012:cluster/${name}/1` : undefined,
    dnsDomain:
      vendor === 'CONFLUENT' || vendor === 'EVENTHUB'
        ? `${name}.${region.toLowerCase().replaceAll('_', '-')}.example.net`
        : undefined,
    dnsSubDomain:
      provider === 'AWS' && vendor === 'CONFLUENT' ? ['use1-az1', 'use1-az2'].slice(0, index % 3) : undefined,
    errorMessage: state === 'FAILED' ? `Endpoint "${name}" </script> refused \\ café \u2028 line` : undefined,
    interfaceEndpointId: state === 'DONE' ? `vpce-${hex(`${seed}/${index}/endpoint`, 17)}` : undefined,
    interfaceEndpointName: provider === 'AZURE' ? null : undefined,
    azureResourceIds:
      provider === 'AZURE' && vendor === 'CONFLUENT'
        ? [`/subscriptions/${name}/zone1`, `/subscriptions/${name}/zone2`]
        : undefined,
    gcpServiceAttachmentUris:
      provider === 'GCP' && vendor === 'CONFLUENT'
        ? [`projects/${name}/regions/us-central1/serviceAttachments/a`]
        : undefined,
    serviceEndpointId:
      vendor === 'EVENTHUB'
        ? `/subscriptions/${name}/providers/Microsoft.EventHub/namespaces/${name}`
        : undefined,
    links: [],
  };
}

const GENERIC_COUNT = 37;

function genericItem(seed: string, index: number): Json {
  return {
    id: hex(`${seed}/${index}`, 24),
    name: `${hex(seed, 4)}-${index}`,
    created: `2026-0${1 + (index % 9)}-1${index % 10}T0${index % 10}:00:00Z`,
    enabled: index % 2 === 0,
    ratio: index / 8,
    size: 9_007_199_254_740_000 + index,
    tags: index % 3 === 0 ? [] : [{ key: 'team', value: `größe ${index}` }],
    links: [{ rel: 'self', href: `https://cloud.mongodb.com/api/atlas/v2/items/${index}` }],
  };
}

/** The data of the simulated Atlas. Lists can be replaced while it runs. */
export interface World {
  readonly projects: readonly SimulatedProject[];
  /** The items of a list. `address` is its path with parameters substituted; `filters` its remaining query parameters. */
  items(
    operation: Operation,
    address: string,
    pathParameters: Readonly<Record<string, string>>,
    filters: string,
  ): readonly Json[];
  /** Prepends an item to the list at this path; only for a list that was replaced before. */
  prepend(address: string, item: Json): void;
  /** Sets the items of the list at this path, regardless of filters. */
  replace(address: string, items: readonly Json[]): void;
}

/** A deterministic world with the sample projects and `more`. */
export function createWorld(
  more: readonly SimulatedProject[],
  limits: Readonly<Record<string, BucketSize>>,
): World {
  const projects: readonly SimulatedProject[] = [...Object.values(SAMPLE_PROJECTS), ...more];
  const replaced = new Map<string, readonly Json[]>();
  const generated = new Map<string, readonly Json[]>();
  const groups = (orgId?: string): Json[] =>
    projects
      .filter((one) => one.visible && (orgId === undefined || one.orgId === orgId))
      .map(({ id, name, orgId: org }) => ({
        id,
        name,
        orgId: org,
        created: '2026-01-02T03:04:05Z',
        clusterCount: 0,
        links: [],
      }));

  function generate(
    operation: Operation,
    address: string,
    { groupId, orgId }: Readonly<Record<string, string>>,
    filters: string,
  ): readonly Json[] {
    switch (operation.id) {
      case 'listGroups':
        return groups();
      case 'getOrgGroups':
        return groups(orgId);
      case 'listOrgs':
        return [ORG_STORE, ORG_LAB].map((id, index) => ({
          id,
          name: index === 0 ? 'store' : 'lab',
          isDeleted: false,
          links: [],
        }));
      case 'listGroupStreamPrivateLinkConnections': {
        const count = projects.find(({ id }) => id === groupId)?.connections ?? 0;
        return Array.from({ length: count }, (_none, index) => privateLinkConnection(groupId ?? '', index));
      }
      case 'listRateLimits':
        // The schema of these items is [inferred]: no recording contains one.
        return Object.entries({ streams: bucketSizeOf('streams'), ...limits }).map(
          ([name, { capacity, refill, perMs }]) => ({
            id: name,
            name,
            capacity,
            refillRate: refill,
            refillDurationSeconds: perMs / 1_000,
          }),
        );
      default: {
        const empty = projects.some(({ id, connections }) => id === groupId && connections === 0);
        return Array.from({ length: empty ? 0 : GENERIC_COUNT }, (_none, index) =>
          genericItem(`${address}?${filters}`, index),
        );
      }
    }
  }

  return {
    projects,
    items(operation, address, pathParameters, filters) {
      const set = replaced.get(address);
      if (set !== undefined) return set;
      const key = `${address}?${filters}`;
      const known = generated.get(key) ?? generate(operation, address, pathParameters, filters);
      if (generated.size < 1_000) generated.set(key, known);
      return known;
    },
    prepend(address, item) {
      replaced.set(address, [item, ...(replaced.get(address) ?? [])]);
    },
    replace(address, items) {
      replaced.set(address, items);
    },
  };
}
