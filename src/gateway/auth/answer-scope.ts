/** Which of a caller's grants an id is looked up in. */
export type Grant = 'projects' | 'organizations';

/** How a list across projects is filtered to a caller: the field of its items that names the project or organization. */
export interface CrossProjectRule {
  readonly field: string;
  readonly grants: Grant;
}

/** Whose data the response of an operation may contain, beyond what its path and query name. */
export type AnswerScope =
  /** The same for all callers. */
  | { readonly type: 'public' }
  /** Only what belongs to the project or organization that the request names. */
  | { readonly type: 'named' }
  /** A list whose items belong to one project or organization each: it is filtered to the items of the caller. */
  | ({ readonly type: 'cut' } & CrossProjectRule)
  /** Responses that mention several projects or organizations and cannot be filtered: only for callers with `all` of these grants. */
  | { readonly type: 'several'; readonly grants: readonly Grant[] }
  /** One project, which the path names by its name: only for callers that may read this project. */
  | { readonly type: 'project-name' }
  /** All that the gateway's credentials see: only for callers with `all` projects and `all` organizations. */
  | { readonly type: 'unscoped' };

const PUBLIC: AnswerScope = { type: 'public' };
const NAMED: AnswerScope = { type: 'named' };
const SEVERAL_PROJECTS: AnswerScope = { type: 'several', grants: ['projects'] };
const SEVERAL_ORGANIZATIONS: AnswerScope = { type: 'several', grants: ['organizations'] };
const SEVERAL_OF_BOTH: AnswerScope = { type: 'several', grants: ['projects', 'organizations'] };
const PROJECT_NAME: AnswerScope = { type: 'project-name' };
const UNSCOPED: AnswerScope = { type: 'unscoped' };
const cutBy = (field: string, grants: Grant): AnswerScope => ({ type: 'cut', field, grants });

const rows = (scope: AnswerScope, operationIds: readonly string[]) =>
  operationIds.map((id): [string, AnswerScope] => [id, scope]);

/**
 * Reviewed by hand against the schemas of Atlas's OpenAPI description, with one reason per group. Covers every GET of the description
 * that returns JSON, so that an operation is reviewed before it is added to the catalog.
 */
export const ANSWER_SCOPES: ReadonlyMap<string, AnswerScope> = new Map([
  // Catalogs that Atlas shows to all users.
  ...rows(PUBLIC, [
    'listEventTypes',
    'listSkus',
    'getSku',
    'listDefaultGroupLimits',
    'getDefaultGroupLimit',
    'listAlertConfigMatcherFieldNames',
    'listControlPlaneIpAddresses',
  ]),
  // Each item is one project, or belongs to one.
  ...rows(cutBy('id', 'projects'), ['listGroups', 'getOrgGroups']),
  // Each item describes the clusters of one project.
  ...rows(cutBy('groupId', 'projects'), ['listClusterDetails']),
  // Each item is a project that the service account is assigned to.
  ...rows(cutBy('groupId', 'projects'), ['getOrgServiceAccountGroups']),
  // Each key belongs to one project.
  ...rows(cutBy('groupId', 'projects'), ['listOrgAiModelApiKeys']),
  // Each item is one organization.
  ...rows(cutBy('id', 'organizations'), ['listOrgs']),
  // Each key or user comes with its roles in all projects.
  ...rows(SEVERAL_PROJECTS, [
    'listOrgApiKeys',
    'getOrgApiKey',
    'listOrgUsers',
    'getOrgUser',
    'listOrgTeamUsers',
    'listGroupApiKeys',
    'listGroupUsers',
    'getGroupUser',
  ]),
  // An invitation names every project that it gives access to.
  ...rows(SEVERAL_PROJECTS, ['listOrgInvites', 'getOrgInvite']),
  // Events of all projects, in an unbounded list that cannot be filtered.
  ...rows(SEVERAL_PROJECTS, ['listOrgEvents', 'getOrgEvent']),
  // The key may belong to any project, which only the response names.
  ...rows(SEVERAL_PROJECTS, ['getOrgAiModelApiKey']),
  // Resources of all projects, without their project ids.
  ...rows(SEVERAL_PROJECTS, ['getOrgNonCompliantResources']),
  // A policy's text may name any project [inferred].
  ...rows(SEVERAL_PROJECTS, ['listOrgResourcePolicies', 'getOrgResourcePolicy']),
  // Projects outside Atlas that could be migrated; no caller is granted any of them.
  ...rows(SEVERAL_PROJECTS, ['listOrgLiveMigrationAvailableProjects']),
  // An invoice includes those of linked organizations.
  ...rows(SEVERAL_ORGANIZATIONS, ['listOrgInvoices', 'getOrgAssociatedInvoices']),
  // Bills by line item, of every project and of linked organizations.
  ...rows(SEVERAL_OF_BOTH, [
    'getOrgInvoice',
    'listOrgInvoicePending',
    'searchOrgInvoiceLineItems',
    'getOrgInvoiceReport',
    'getOrgBillingCostExplorerUsage',
  ]),
  // Role mappings name projects and organizations of the whole federation.
  ...rows(UNSCOPED, [
    'listFederationSettingConnectedOrgConfigs',
    'getFederationSettingConnectedOrgConfig',
    'listFederationSettingConnectedOrgConfigRoleMappings',
    'getFederationSettingConnectedOrgConfigRoleMapping',
    'listFederationSettingIdentityProviders',
    'getFederationSettingIdentityProvider',
  ]),
  // A federation may span organizations, and its id does not identify them.
  ...rows(UNSCOPED, ['getFederationSettingIdentityProviderMetadata']),
  // A user's roles in all projects and organizations.
  ...rows(UNSCOPED, ['getUser', 'getUserByName']),
  // The roles of the gateway's own credential.
  ...rows(UNSCOPED, ['getSystemStatus']),
  // Grants contain only ids; the name is looked up among the projects of the caller.
  ...rows(PROJECT_NAME, ['getGroupByName']),
  // The limits of the project or organization that the query names; without one, those of the gateway's own credential.
  ...rows(NAMED, ['listRateLimits', 'getRateLimit']),
  // Jobs of the project itself; a job that restores elsewhere contains the id of the target project.
  ...rows(NAMED, [
    'listGroupClusterBackupRestoreJobs',
    'getGroupClusterBackupRestoreJob',
    'listGroupClusterCollectionRestoreJobs',
    'getGroupClusterCollectionRestoreJob',
    'listGroupClusterRestoreJobs',
    'getGroupClusterRestoreJob',
    'listGroupFlexClusterBackupRestoreJobs',
    'getGroupFlexClusterBackupRestoreJob',
    'listGroupServerlessBackupRestoreJobs',
    'getGroupServerlessBackupRestoreJob',
    'getGroupLiveMigrationValidateStatus',
  ]),
  // Settings of the project itself; one that reads from a cluster of another project contains its id.
  ...rows(NAMED, [
    'listGroupDataFederation',
    'getGroupDataFederation',
    'listGroupStreamWorkspaces',
    'getGroupStreamWorkspace',
    'listGroupStreamConnections',
    'getGroupStreamConnection',
    'listGroupStreamConnectionFailoverConnections',
    'getGroupStreamConnectionFailoverConnection',
  ]),
  // Alerts and events of the project itself; they name its organization.
  ...rows(NAMED, [
    'getGroupAlertConfigAlerts',
    'listGroupAlerts',
    'getGroupAlert',
    'listGroupEvents',
    'getGroupEvent',
  ]),
  // Settings and resources of the organization itself.
  ...rows(NAMED, [
    'getOrg',
    'getOrgActivityFeed',
    'getOrgAiModelApiCloudGeographyModelGroupNameRateLimits',
    'getOrgAiModelApiRateLimits',
    'getOrgApiKeyAccessListEntry',
    'getOrgDelegationSettings',
    'getOrgFederationSettings',
    'getOrgMaintenanceSettings',
    'getOrgMcpConfig',
    'getOrgMcpConfigSecret',
    'getOrgSandboxConfig',
    'getOrgServiceAccount',
    'getOrgSettings',
    'getOrgTeam',
    'getOrgTeamByName',
    'listOrgApiKeyAccessListEntries',
    'listOrgInvoiceReports',
    'listOrgMcpConfigSecrets',
    'listOrgMcpConfigs',
    'listOrgSandboxConfig',
    'listOrgServiceAccountAccessList',
    'listOrgServiceAccounts',
    'listOrgTeams',
  ]),
  // Everything in the response belongs to the project in the path.
  ...rows(NAMED, [
    'autoGroupClusterScalingConfiguration',
    'generateGroupSandboxClusterDescription',
    'getGroup',
    'getGroupAccessListEntry',
    'getGroupAccessListStatus',
    'getGroupActivityFeed',
    'getGroupAiModelApiCloudGeographyModelGroupNameRateLimits',
    'getGroupAiModelApiKey',
    'getGroupAiModelApiRateLimits',
    'getGroupAlertAlertConfigs',
    'getGroupAlertConfig',
    'getGroupAuditLog',
    'getGroupAwsCustomDns',
    'getGroupBackupCompliancePolicy',
    'getGroupBackupExportBucket',
    'getGroupBackupPrivateEndpoint',
    'getGroupCloudProviderAccess',
    'getGroupCluster',
    'getGroupClusterBackupCheckpoint',
    'getGroupClusterBackupExport',
    'getGroupClusterBackupSchedule',
    'getGroupClusterBackupSnapshot',
    'getGroupClusterBackupSnapshotDatabase',
    'getGroupClusterBackupSnapshotDatabaseCollection',
    'getGroupClusterBackupSnapshotShardedCluster',
    'getGroupClusterCollStatNamespaces',
    'getGroupClusterCollectionRestoreJobCollection',
    'getGroupClusterFtsIndex',
    'getGroupClusterGlobalWrites',
    'getGroupClusterOnlineArchive',
    'getGroupClusterOutageSimulation',
    'getGroupClusterOverloadSimulation',
    'getGroupClusterProcessArgs',
    'getGroupClusterQueryShape',
    'getGroupClusterQueryShapeInsightDetails',
    'getGroupClusterSearchDeployment',
    'getGroupClusterSearchIndex',
    'getGroupClusterSearchIndexByName',
    'getGroupClusterSnapshot',
    'getGroupClusterSnapshotSchedule',
    'getGroupClusterSqlInterface',
    'getGroupClusterStatus',
    'getGroupContainer',
    'getGroupCustomDbRoleRole',
    'getGroupDataFederationLimit',
    'getGroupDatabaseUser',
    'getGroupDbAccessHistoryCluster',
    'getGroupDbAccessHistoryProcess',
    'getGroupEncryptionAtRest',
    'getGroupEncryptionAtRestPrivateEndpoint',
    'getGroupFlexCluster',
    'getGroupFlexClusterBackupSnapshot',
    'getGroupHostFtsMetricIndexMeasurements',
    'getGroupIntegration',
    'getGroupInvite',
    'getGroupIpAddresses',
    'getGroupLimit',
    'getGroupLiveMigration',
    'getGroupLogIntegration',
    'getGroupMaintenanceWindow',
    'getGroupManagedSlowMs',
    'getGroupMcpConfig',
    'getGroupMcpConfigSecret',
    'getGroupMetricIntegration',
    'getGroupMongoDbVersions',
    'getGroupPeer',
    'getGroupPrivateEndpointEndpointService',
    'getGroupPrivateEndpointEndpointServiceEndpoint',
    'getGroupPrivateEndpointRegionalMode',
    'getGroupPrivateEndpointServerlessInstanceEndpoint',
    'getGroupPrivateNetworkSettingEndpointId',
    'getGroupProcess',
    'getGroupProcessCollStatNamespaces',
    'getGroupProcessDatabase',
    'getGroupProcessDatabaseMeasurements',
    'getGroupProcessDisk',
    'getGroupProcessDiskMeasurements',
    'getGroupProcessMeasurements',
    'getGroupPushBasedLogExport',
    'getGroupSampleDatasetLoad',
    'getGroupServerlessBackupSnapshot',
    'getGroupServerlessInstance',
    'getGroupServerlessPerformanceAdvisorAutoIndexing',
    'getGroupServiceAccount',
    'getGroupSettings',
    'getGroupStandbyLink',
    'getGroupStandbyLinkFailover',
    'getGroupStreamAccountDetails',
    'getGroupStreamPrivateLinkConnection',
    'getGroupStreamProcessor',
    'getGroupStreamProcessors',
    'getGroupTeam',
    'getGroupUserSecurity',
    'getGroupUserSecurityLdapVerify',
    'inspectGroupStandbyLinkFailoverReadiness',
    'listGroupAccessListEntries',
    'listGroupAiModelApiKeys',
    'listGroupAlertConfigs',
    'listGroupBackupExportBuckets',
    'listGroupBackupPrivateEndpoints',
    'listGroupCloudProviderAccess',
    'listGroupClusterBackupCheckpoints',
    'listGroupClusterBackupExports',
    'listGroupClusterBackupSnapshotDatabaseCollections',
    'listGroupClusterBackupSnapshotDatabases',
    'listGroupClusterBackupSnapshotShardedClusters',
    'listGroupClusterBackupSnapshots',
    'listGroupClusterCollStatMeasurements',
    'listGroupClusterCollStatPinnedNamespaces',
    'listGroupClusterCollectionRestoreJobCollections',
    'listGroupClusterFtsIndex',
    'listGroupClusterOnlineArchives',
    'listGroupClusterOverloadSimulations',
    'listGroupClusterPerformanceAdvisorDropIndexSuggestions',
    'listGroupClusterPerformanceAdvisorSchemaAdvice',
    'listGroupClusterPerformanceAdvisorSuggestedIndexes',
    'listGroupClusterProviderRegions',
    'listGroupClusterQueryShapeInsightSummaries',
    'listGroupClusterQueryShapes',
    'listGroupClusterSearchIndex',
    'listGroupClusterSearchIndexes',
    'listGroupClusterSnapshots',
    'listGroupClusters',
    'listGroupCollStatMetrics',
    'listGroupContainerAll',
    'listGroupContainers',
    'listGroupCustomDbRoleRoles',
    'listGroupDataFederationLimits',
    'listGroupDatabaseUserCerts',
    'listGroupDatabaseUsers',
    'listGroupEncryptionAtRestPrivateEndpoints',
    'listGroupFlexClusterBackupSnapshots',
    'listGroupFlexClusters',
    'listGroupHostFtsMetricIndexMeasurements',
    'listGroupHostFtsMetricMeasurements',
    'listGroupHostFtsMetrics',
    'listGroupIntegrations',
    'listGroupInvites',
    'listGroupLimits',
    'listGroupLogIntegrations',
    'listGroupMcpConfigSecrets',
    'listGroupMcpConfigs',
    'listGroupMetricIntegrations',
    'listGroupPeers',
    'listGroupPrivateEndpointEndpointService',
    'listGroupPrivateEndpointServerlessInstanceEndpoint',
    'listGroupPrivateNetworkSettingEndpointIds',
    'listGroupProcessCollStatMeasurements',
    'listGroupProcessDatabases',
    'listGroupProcessDisks',
    'listGroupProcessPerformanceAdvisorNamespaces',
    'listGroupProcessPerformanceAdvisorSlowQueryLogs',
    'listGroupProcessPerformanceAdvisorSuggestedIndexes',
    'listGroupProcesses',
    'listGroupServerlessBackupSnapshots',
    'listGroupServerlessInstances',
    'listGroupServiceAccountAccessList',
    'listGroupServiceAccounts',
    'listGroupStandbyLinkFailovers',
    'listGroupStandbyLinks',
    'listGroupStreamActiveVpcPeeringConnections',
    'listGroupStreamPrivateLinkConnections',
    'listGroupStreamVpcPeeringConnections',
    'listGroupTeams',
    'verifyGroupPrivateIpMode',
  ]),
]);

/** An operation without an entry is allowed only for callers that may see everything. */
export const answerScopeOf = (operationId: string): AnswerScope => ANSWER_SCOPES.get(operationId) ?? UNSCOPED;
