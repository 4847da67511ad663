/**
 * What a parameter names. `user`: a person, service account or address, which belongs to the organization in the path, or to anybody where
 * the path names none. `other`: something else, which belongs to whatever the rest of the path names.
 */
export type ParameterScope = 'project' | 'organization' | 'user' | 'other';

const OTHER_IDS = [
  'alertConfigId',
  'alertId',
  'apiKeyId',
  'apiUserId',
  'archiveId',
  'batchId',
  'checkpointId',
  'clientId',
  'connectionId',
  'containerId',
  'endpointId',
  'endpointServiceId',
  'endpointSetId',
  'eventId',
  'exportBucketId',
  'exportId',
  'failoverConnectionId',
  'failoverId',
  'federationSettingsId',
  // A project by name: operations that take it are open only to callers who may see everything.
  'groupName',
  'id',
  'identityProviderId',
  'indexId',
  'invitationId',
  'invoiceId',
  'jobId',
  'liveMigrationId',
  'mcpConfigId',
  'metricIntegrationId',
  'peerId',
  'processId',
  'processIds',
  'reportId',
  'requestId',
  // An account of a cloud provider.
  'requesterAccountId',
  'resourcePolicyId',
  'restoreJobId',
  'roleId',
  'sampleDatasetId',
  'sandboxConfigId',
  'secretId',
  'simulationId',
  'skuId',
  'snapshotId',
  'standbyLinkId',
  'teamId',
  // A stream workspace or a federated database of the project.
  'tenantName',
  'validationId',
];

/** Reviewed by hand: every parameter of a path or query whose name looks like that of an id. */
const SCOPES: ReadonlyMap<string, ParameterScope> = new Map<string, ParameterScope>([
  ['groupId', 'project'],
  ['orgId', 'organization'],
  ['userId', 'user'],
  ['ipAddress', 'user'],
  ...OTHER_IDS.map((name): [string, ParameterScope] => [name, 'other']),
]);

/** What a path or query parameter names; undefined where its name is not one of an id. */
export const parameterScopeOf = (name: string): ParameterScope | undefined => SCOPES.get(name);
