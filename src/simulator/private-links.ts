import { createDraw, type Draw } from './draw.ts';
import type { JsonObject } from './json.ts';

/** Vendors per provider, as the OpenAPI description lists them; without a vendor Atlas says GENERIC. */
const VENDORS = {
  AWS: ['MSK', 'CONFLUENT', 'KINESIS', 'GENERIC'],
  AZURE: ['EVENTHUB', 'CONFLUENT', 'GENERIC'],
  GCP: ['CONFLUENT', 'GENERIC'],
} as const;
const REGIONS = {
  AWS: ['US_EAST_1', 'EU_WEST_1', 'AP_SOUTHEAST_2'],
  AZURE: ['US_EAST_2', 'EUROPE_WEST', 'UK_SOUTH'],
  GCP: ['CENTRAL_US', 'WESTERN_EUROPE', 'ASIA_EAST_2'],
} as const;
/** The states besides IDLE and FAILED are [inferred]. */
const STATES = ['IDLE', 'WORKING', 'DONE', 'FAILED', 'DELETE_REQUESTED', 'DELETING'] as const;
const KINDS = (['AWS', 'AZURE', 'GCP'] as const).flatMap((provider) =>
  VENDORS[provider].flatMap((vendor) => STATES.map((state) => ({ provider, vendor, state }))),
);
const PLAIN = { provider: 'AWS', vendor: 'GENERIC', state: 'IDLE' } as const;
/** What a careless program trips over when it cuts, escapes or embeds JSON. */
const MESSAGES = [
  'The endpoint service refused "acme\\orders" (code 7).',
  'Zeitüberschreitung – bitte später erneut versuchen.',
  'Line one\u2028line two\nline three\tend',
  '</script><script>alert("states")</script>',
  '接続に失敗しました 🚧 ],"results":[{',
] as const;

function providerFields(provider: string, vendor: string, draw: Draw): JsonObject {
  const domain = `${draw.name()}.example.net`.replace('é', 'e');
  switch (`${provider} ${vendor}`) {
    case 'AWS MSK':
      return {
        arn: `arn:aws:kafka:us-east-1:${draw.integer(100_000_000_000, 999_999_999_999)}:cluster/${draw.name()}/${draw.hex(8)}`,
      };
    case 'AWS CONFLUENT':
      return {
        dnsDomain: domain,
        dnsSubDomain: draw.oneIn(3) ? [] : ['use1-az1', 'use1-az2', 'use1-az4'],
        serviceEndpointId: `com.amazonaws.vpce.us-east-1.vpce-svc-${draw.hex(17)}`,
      };
    case 'AZURE EVENTHUB':
      return {
        dnsDomain: `${draw.hex(8)}.servicebus.windows.net`,
        serviceEndpointId: `/subscriptions/${draw.hex(8)}/resourceGroups/streams/providers/Microsoft.EventHub/namespaces/${draw.hex(8)}`,
      };
    case 'AZURE CONFLUENT':
      return { azureResourceIds: [draw.hex(16), draw.hex(16)], dnsDomain: domain };
    case 'GCP CONFLUENT':
      return {
        dnsDomain: domain,
        gcpConnectionIds: [String(draw.integer(1_000_000, 9_999_999))],
        gcpServiceAttachmentUris: [`projects/${draw.hex(6)}/regions/us-central1/serviceAttachments/plt-a`],
      };
    default:
      return { dnsDomain: domain, serviceEndpointId: draw.hex(20) };
  }
}

/** `count` Private Link connections of stream workspaces, the same for the same seed: every provider with its vendors, in every state, in turn. */
export function privateLinks(seed: string, count: number): JsonObject[] {
  const draw = createDraw(`private links ${seed}`);
  return Array.from({ length: count }, (_unused, index) => {
    const { provider, vendor, state } = KINDS[index % KINDS.length] ?? PLAIN;
    const ready = state === 'IDLE' || state === 'DONE';
    return {
      _id: draw.hex(24),
      errorMessage: state === 'FAILED' ? draw.pick(MESSAGES) : undefined,
      // A connection on its way has no endpoint yet: the field is absent, or Atlas says null.
      interfaceEndpointId: ready ? `vpce-${draw.hex(17)}` : draw.oneIn(2) ? null : undefined,
      interfaceEndpointName: ready && draw.oneIn(2) ? draw.name() : undefined,
      provider,
      providerAccountId: provider === 'AWS' ? draw.hex(12) : undefined,
      region: draw.pick(REGIONS[provider]),
      state,
      vendor,
      ...providerFields(provider, vendor, draw),
    };
  });
}
