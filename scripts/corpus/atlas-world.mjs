// What the simulated Atlas contains: projects, organizations and the credentials it accepts. They are valid nowhere else.

export const PROJECTS = {
  payments: '64b7c0ffee0000000000a001',
  empty: '64b7c0ffee0000000000a002',
  hidden: '64b7c0ffee0000000000a003',
  orders: '64b7c0ffee0000000000a004',
  search: '64b7c0ffee0000000000a005',
  ledger: '64b7c0ffee0000000000a006',
  single: '64b7c0ffee0000000000a007',
  unknown: '64b7c0ffee0000000000afff',
};

export const ORGANIZATIONS = { store: '5f0a1b2c3d4e5f6071829301', lab: '5f0a1b2c3d4e5f6071829302' };

/** The environment in which configurations find the secrets that they name. */
export const SECRETS = {
  CLIENT_ID: 'mdb_sa_id_64b7c0ffee0000000000c001',
  CLIENT_SECRET: 'mdb_sa_sk_sample_secret_of_the_simulator',
  PUBLIC_KEY: 'simulatr',
  PRIVATE_KEY: '64b7c0ff-ee00-4000-a000-00000000c002',
  WRONG_SECRET: 'mdb_sa_sk_wrong_secret',
  ADMIN_TOKEN: 'admin-token-of-the-corpus-0123456789',
  LONG_KEY: 'a-key-of-the-corpus-that-is-long-enough-to-encrypt',
  SHORT_KEY: 'short',
};

export const serviceAccount = { clientId: { env: 'CLIENT_ID' }, clientSecret: { env: 'CLIENT_SECRET' } };
export const apiKey = { publicKey: { env: 'PUBLIC_KEY' }, privateKey: { env: 'PRIVATE_KEY' } };

export const VERSION = 'application/vnd.atlas.2023-02-01+json';

/** The list of private link connections of a project, the longest that the simulator has. */
export const connectionsOf = (project, query = '') =>
  `/api/atlas/v2/groups/${PROJECTS[project]}/streams/privateLinkConnections${query}`;

/** A list of a project by the rest of its path. */
export const listOf = (project, rest) => `/api/atlas/v2/groups/${PROJECTS[project]}/${rest}`;
