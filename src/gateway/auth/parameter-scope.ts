/**
 * The kind of object that a parameter identifies. `user`: a person, service account or address, which belongs to the organization in the
 * path, or to any organization if the path names none. `other`: any other object, which belongs to what the rest of the path names.
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
  // A project name: operations with this parameter are allowed only for projects that the caller may read.
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

/** Reviewed by hand: every path or query parameter whose name looks like an id. */
const SCOPES: ReadonlyMap<string, ParameterScope> = new Map<string, ParameterScope>([
  ['groupId', 'project'],
  ['orgId', 'organization'],
  ['userId', 'user'],
  ['ipAddress', 'user'],
  ...OTHER_IDS.map((name): [string, ParameterScope] => [name, 'other']),
]);

/** The scope of a path or query parameter; undefined if its name is not that of an id. */
export const parameterScopeOf = (name: string): ParameterScope | undefined => SCOPES.get(name);
