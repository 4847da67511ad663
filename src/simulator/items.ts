import { createHash } from 'node:crypto';
import type { Json } from './pages.ts';

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

/** An item of any other list. */
export function genericItem(seed: string, index: number): Json {
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

const PADDING = 'x'.repeat(1_048_576);

/** Pads an item to a number of bytes with a member that Atlas does not have; a larger item is not changed. */
export function padded(item: Json, bytes: number): Json {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
  const missing = bytes - JSON.stringify(item).length - ',"padding":""'.length;
  return missing <= 0 ? item : { ...item, padding: PADDING.slice(0, missing) };
}
