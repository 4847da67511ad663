import type { Operation } from '../atlas/catalog.ts';
import type { Caller } from './auth/key-auth.ts';
import { type Decision, grantingWords, requiredGrants } from './auth/policy.ts';
import { type GatewayError, gatewayError } from './gateway-error.ts';

/** What was requested, as messages name it. */
export interface Requested {
  readonly caller: Caller;
  readonly operation: Operation;
  readonly pathParameters: Readonly<Record<string, string>>;
}

const CONTENT = {
  open: '',
  secret: ' It may contain secrets, so only its id grants it.',
  personal: ' It contains personal data, so only its id grants it.',
  billing: ' It contains billing data, so only its id grants it.',
} as const;

/** A caller cannot change the policy; the sentence can be forwarded to those who can. */
const ASK = 'Ask the operator of this gateway to';

/** The setting with the permissions of a caller. */
const settingOf = ({ name }: Caller, setting: string) =>
  name === 'anonymous' ? `anonymous.${setting}` : `callers[].${setting} of ${name}`;

/** ` of project …`, as the request named it. */
function placeOf({ groupId, orgId, groupName }: Readonly<Record<string, string>>): string {
  if (groupId !== undefined) return ` of project ${groupId}`;
  if (orgId !== undefined) return ` of organization ${orgId}`;
  return groupName === undefined ? '' : ' of the project of that name';
}

function howToGrant({ caller, operation }: Requested): string {
  const words = [operation.id, ...grantingWords(operation)].map((word) => `'${word}'`);
  return `${ASK} add ${words.join(' or ')} to ${settingOf(caller, 'operations')}.${CONTENT[operation.sensitivity]}`;
}

function howToOpen({ caller, operation }: Requested): string {
  const settings = requiredGrants(operation.id).map((grant) => `${settingOf(caller, grant)} to all`);
  return `Its response may contain data of other projects or organizations. ${ASK} set ${settings.join(' and ')}.`;
}

function howToAdd({ caller, pathParameters: { groupId, groupName, orgId } }: Requested): string {
  if (groupId !== undefined || groupName !== undefined)
    return `${ASK} add its id to ${settingOf(caller, 'projects')}.`;
  if (orgId !== undefined) return `${ASK} add its id to ${settingOf(caller, 'organizations')}.`;
  return `The query names a project or organization that is not in ${settingOf(caller, 'projects')} or ${settingOf(caller, 'organizations')}. ${ASK} add its id.`;
}

/** The error for a denied request: it names operation, project and the setting to ask the operator for, and is the same whether or not the project exists. */
export function denialOf(
  decision: Exclude<Decision, 'allowed' | 'if-own-project'>,
  requested: Requested,
): GatewayError {
  const { operation, pathParameters } = requested;
  const what = `The policy of this gateway does not allow you to read ${operation.id}${placeOf(pathParameters)}.`;
  switch (decision) {
    case 'operation-forbidden':
      return gatewayError('OPERATION_FORBIDDEN', `${what} ${howToGrant(requested)}`);
    case 'response-forbidden':
      return gatewayError('OPERATION_FORBIDDEN', `${what} ${howToOpen(requested)}`);
    case 'project-forbidden':
      return gatewayError('PROJECT_FORBIDDEN', `${what} ${howToAdd(requested)}`);
  }
}
