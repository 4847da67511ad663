/** How texts of a kind are written. `{hex8}` and the like are drawn; what is in other braces is written as it is. */
const TEMPLATES = {
  text: '{word}-{hex8}',
  name: '{word}-{hex8}',
  dateTime: '{date}T{time}Z',
  date: '{date}',
  email: 'user-{hex8}@example.net',
  uri: 'https://{hex8}.example.net/{word}',
  mongoUri: 'mongodb://atlas-{hex8}.example.net:27017/?ssl=true',
  mongoSrvUri: 'mongodb+srv://{word}.{hex8}.example.net',
  uuid: '{hex8}-{hex4}-4{hex3}-a{hex3}-{hex12}',
  ipAddress: '{address}',
  cidr: '{address}/32',
  version: '8.0.{digits1}',
  hostAndPort: 'atlas-{hex8}.example.net:27017',
  country: 'IE',
  telephone: '+1 555 {digits7}',
  serviceAccountId: 'mdb_sa_id_{hex24}',
  accountNumber: '{digits12}',
  distinguishedName: 'CN=user-{hex8},OU=staff,DC=example,DC=net',
  awsEndpoint: 'vpce-{hex17}',
  awsNetwork: 'vpc-{hex17}',
  awsEndpointService: 'com.amazonaws.vpce.us-east-1.vpce-svc-{hex17}',
  awsSecurityGroup: 'sg-{digits12}',
  kafkaArn: 'arn:aws:kafka:us-east-1:{digits12}:cluster/{hex8}/1',
  privateLinkService: 'pls_{hex24}',
  googleProject: 'p-{hex24}',
  googleNetwork: 'nt-{hex24}-{hex8}',
  googleServiceAccount: 'mongodb-atlas-{hex16}@p-{hex24}.iam.gserviceaccount.com',
  azureEndpoint:
    '/subscriptions/{hex8}-{hex4}-4{hex3}-a{hex3}-{hex12}/resourceGroups/privatelink/providers/Microsoft.Network/privateEndpoints/endpoint-{hex8}',
  exportPath:
    '/exported_snapshots/{ORG-NAME}/{PROJECT-NAME}/{CLUSTER-NAME}/{SNAPSHOT-INITIATION-DATE}/{TIMESTAMP}',
} as const;

/** A kind of text: a template, or a number of hexadecimal digits. */
export type TextKind = keyof typeof TEMPLATES | `hex${number}`;

/** Where a text takes its variable parts from: fractions from 0 to 1, and a number that makes it unlike the texts of other numbers. */
export interface TextSource {
  readonly fraction: () => number;
  readonly number: number | undefined;
}

type Part = (source: TextSource) => string;

const WORDS = ['analytics', 'billing', 'catalog', 'events', 'ledger', 'orders', 'payments', 'search'];
/** Texts that are easily damaged when a body is parsed, rewritten or embedded. */
const HAZARDS = ['größe "M" \\ café', '</script> \u2028 line', 'tab\tand\nline', '😀 ☂', ''];
const PLACEHOLDER = /(\{(?:hex\d+|digits\d+|word|date|time|address)\})/;
/** Digits of a text that hold its number. */
const NUMBER_DIGITS = 8;

const below = ({ fraction }: TextSource, limit: number) => Math.floor(fraction() * limit);
const pick = (source: TextSource, choices: readonly string[]) => choices[below(source, choices.length)] ?? '';
const twoDigits = (number: number) => String(number).padStart(2, '0');

function digits(source: TextSource, count: number, radix: 10 | 16): string {
  let text = '';
  while (text.length < count)
    text += below(source, radix ** 6)
      .toString(radix)
      .padStart(6, '0');
  return text.slice(0, count);
}

function hexDigits(source: TextSource, count: number): string {
  const { number } = source;
  if (number === undefined || count < NUMBER_DIGITS) return digits(source, count, 16);
  const own = number.toString(16).padStart(NUMBER_DIGITS, '0');
  return digits(source, count - NUMBER_DIGITS, 16) + own;
}

function address(source: TextSource): string {
  const number = source.number ?? below(source, 2 ** 24);
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}

function partOf(piece: string): Part {
  if (!PLACEHOLDER.test(piece)) return () => piece;
  const [, name = '', count = ''] = /^\{([a-z]+)(\d*)\}$/.exec(piece) ?? [];
  switch (name) {
    case 'hex':
      return (source) => hexDigits(source, Number(count));
    case 'digits':
      return (source) => digits(source, Number(count), 10);
    case 'word':
      return (source) => pick(source, WORDS);
    case 'date':
      return (source) => `2026-${twoDigits(1 + below(source, 8))}-${twoDigits(1 + below(source, 28))}`;
    case 'time':
      return (source) => [24, 60, 60].map((limit) => twoDigits(below(source, limit))).join(':');
    default:
      return address;
  }
}

/** Makes texts of a kind. */
export function createTextMaker(kind: TextKind): (source: TextSource) => string {
  const template = Object.entries(TEMPLATES).find(([name]) => name === kind)?.[1] ?? `{${kind}}`;
  const parts = template
    .split(PLACEHOLDER)
    .filter((piece) => piece !== '')
    .map(partOf);
  return (source) => {
    if (kind === 'text' && source.number === undefined && source.fraction() < 0.1)
      return pick(source, HAZARDS);
    let text = '';
    for (const part of parts) text += part(source);
    return text;
  };
}
