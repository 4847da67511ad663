/** Kinds of text of src/simulator/texts.ts with an example each; the first whose example matches a pattern is used for it. */
const EXAMPLES = [
  ['name', 'ab-5f0a1b'],
  ['version', '8.0.4'],
  ['hex24', '5f0a1b2c3d4e5f6071829301'],
  ['hex20', '5f0a1b2c3d4e5f607182'],
  ['hex40', '5f0a1b2c3d4e5f60718293015f0a1b2c3d4e5f60'],
  ['hex64', '5f0a1b2c3d4e5f6071829301a1b2c3d45f0a1b2c3d4e5f6071829301a1b2c3d4'],
  ['hex32', '5f0a1b2c3d4e5f6071829301a1b2c3d4'],
  ['ipAddress', '10.1.2.3'],
  ['cidr', '10.1.2.0/24'],
  ['uuid', '5f0a1b2c-3d4e-4f60-a182-9301a1b2c3d4'],
  ['hostAndPort', 'atlas-5f0a1b.example.net:27017'],
  ['serviceAccountId', 'mdb_sa_id_5f0a1b2c3d4e5f6071829301'],
  ['country', 'IE'],
  ['accountNumber', '123456789012'],
  ['distinguishedName', 'CN=reader,OU=staff,DC=example,DC=net'],
  ['awsEndpoint', 'vpce-5f0a1b2c3d4e5f607'],
  ['awsNetwork', 'vpc-5f0a1b2c3d4e5f607'],
  ['awsEndpointService', 'com.amazonaws.vpce.us-east-1.vpce-svc-5f0a1b2c3d4e5f607'],
  ['awsSecurityGroup', 'sg-123456789012'],
  ['kafkaArn', 'arn:aws:kafka:us-east-1:123456789012:cluster/5f0a1b/1'],
  ['privateLinkService', 'pls_5f0a1b2c3d4e5f6071829301'],
  ['googleProject', 'p-5f0a1b2c3d4e5f6071829301'],
  ['googleNetwork', 'nt-5f0a1b2c3d4e5f6071829301-5f0a1b2c'],
  [
    'googleServiceAccount',
    'mongodb-atlas-5f0a1b2c3d4e5f60@p-5f0a1b2c3d4e5f6071829301.iam.gserviceaccount.com',
  ],
  [
    'azureEndpoint',
    '/subscriptions/5f0a1b2c-3d4e-4f60-a182-9301a1b2c3d4/resourceGroups/privatelink/providers/Microsoft.Network/privateEndpoints/endpoint-5f0a1b',
  ],
  [
    'exportPath',
    '/exported_snapshots/{ORG-NAME}/{PROJECT-NAME}/{CLUSTER-NAME}/{SNAPSHOT-INITIATION-DATE}/{TIMESTAMP}',
  ],
];
/** Escaped twice in the description, so that no sensible text matches it: the pattern of a telephone number. */
const TELEPHONE = '(?:(?:\\\\+?1';

/** The kind of text that matches a pattern. Throws if there is none. */
export function kindOfPattern(pattern, place) {
  if (pattern.startsWith(TELEPHONE)) return 'telephone';
  const expression = new RegExp(pattern.replaceAll('\\:', ':'), 'u');
  const found = EXAMPLES.find(([, example]) => expression.test(example));
  if (found === undefined)
    throw new Error(`${place}: add a kind of text that matches ${pattern} to patterns.mjs and texts.ts`);
  return found[0];
}
