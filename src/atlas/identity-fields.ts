/** Operations by the fields that tell the items of their lists apart, according to the schemas of the items. */
const OPERATIONS_BY_FIELDS: readonly (readonly [readonly string[], readonly string[]])[] = [
  [
    ['id'],
    [
      'getGroupAlertAlertConfigs',
      'getGroupAlertConfigAlerts',
      'getOrgGroups',
      'listFederationSettingIdentityProviders',
      'listGroupAlertConfigs',
      'listGroupAlerts',
      'listGroupApiKeys',
      'listGroupBackupPrivateEndpoints',
      'listGroupClusterBackupCheckpoints',
      'listGroupClusterBackupExports',
      'listGroupClusterBackupRestoreJobs',
      'listGroupClusterBackupSnapshots',
      'listGroupClusterCollectionRestoreJobs',
      'listGroupClusterRestoreJobs',
      'listGroupClusterSnapshots',
      'listGroupContainerAll',
      'listGroupContainers',
      'listGroupEncryptionAtRestPrivateEndpoints',
      'listGroupEvents',
      'listGroupFlexClusterBackupRestoreJobs',
      'listGroupFlexClusterBackupSnapshots',
      'listGroupLogIntegrations',
      'listGroupMcpConfigSecrets',
      'listGroupPeers',
      'listGroupProcesses',
      'listGroups',
      'listGroupServerlessBackupRestoreJobs',
      'listGroupServerlessBackupSnapshots',
      'listGroupStreamConnectionFailoverConnections',
      'listGroupUsers',
      'listOrgApiKeys',
      'listOrgEvents',
      'listOrgInvoices',
      'listOrgMcpConfigSecrets',
      'listOrgs',
      'listOrgSandboxConfig',
      'listOrgTeams',
      'listOrgTeamUsers',
      'listOrgUsers',
      'listSkus',
    ],
  ],
  [
    ['_id'],
    [
      'listGroupBackupExportBuckets',
      'listGroupClusterOnlineArchives',
      'listGroupDatabaseUserCerts',
      'listGroupStreamActiveVpcPeeringConnections',
      'listGroupStreamPrivateLinkConnections',
      'listGroupStreamVpcPeeringConnections',
    ],
  ],
  [
    ['name'],
    [
      'getGroupStreamProcessors',
      'listDefaultGroupLimits',
      'listGroupClusterBackupSnapshotDatabaseCollections',
      'listGroupClusterBackupSnapshotDatabases',
      'listGroupClusters',
      'listGroupFlexClusters',
      'listGroupServerlessInstances',
      'listGroupStreamConnections',
      'listGroupStreamWorkspaces',
    ],
  ],
  [['apiKeyId'], ['listGroupAiModelApiKeys', 'listOrgAiModelApiKeys']],
  [['clientId'], ['listGroupServiceAccounts', 'listOrgServiceAccounts']],
  [['databaseName'], ['listGroupProcessDatabases']],
  [['databaseName', 'username'], ['listGroupDatabaseUsers']],
  [['endpointId'], ['listGroupPrivateNetworkSettingEndpointIds']],
  [['endpointSetId'], ['listRateLimits']],
  [['eventType'], ['listEventTypes']],
  [['failoverId'], ['listGroupStandbyLinkFailovers']],
  [['groupId'], ['getOrgServiceAccountGroups', 'listClusterDetails']],
  [['mcpConfigId'], ['listGroupMcpConfigs', 'listOrgMcpConfigs']],
  [['metricIntegrationId'], ['listGroupMetricIntegrations']],
  [['orgId'], ['listFederationSettingConnectedOrgConfigs']],
  [['partitionName'], ['listGroupProcessDisks']],
  [['queryShapeHash'], ['listGroupClusterQueryShapes']],
  [['reportId'], ['listOrgInvoiceReports']],
  [['simulationId'], ['listGroupClusterOverloadSimulations']],
  [['sourceNamespace'], ['listGroupClusterCollectionRestoreJobCollections']],
  [['standbyLinkId'], ['listGroupStandbyLinks']],
  [['teamId'], ['listGroupTeams']],
  // One integration of a type; older items have no id.
  [['id', 'type'], ['listGroupIntegrations']],
  // An entry has one of these, or an address together with its block.
  [
    ['awsSecurityGroup', 'cidrBlock', 'ipAddress'],
    [
      'listGroupAccessListEntries',
      'listGroupServiceAccountAccessList',
      'listOrgApiKeyAccessListEntries',
      'listOrgServiceAccountAccessList',
    ],
  ],
];

const FIELDS_BY_OPERATION = new Map(
  OPERATIONS_BY_FIELDS.flatMap(([fields, operations]) => operations.map((id) => [id, fields] as const)),
);

/**
 * The fields that tell the items of a list apart; none if no field does, so that only the whole item identifies itself. What an item lacks of
 * them counts as absent.
 */
export const identityFieldsOf = (operationId: string): readonly string[] =>
  FIELDS_BY_OPERATION.get(operationId) ?? [];
