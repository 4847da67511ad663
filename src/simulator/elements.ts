import type { Catalog, ElementOfList, Operation } from '../atlas/catalog.ts';
import type { Address, View } from './generated-items.ts';
import { isObject, type Json } from './pages.ts';
import { errorResponse, type SimulatedResponse, unknownPath } from './response.ts';
import type { World } from './world.ts';

const PROJECT_LINKS = ['containers', 'clusters', 'databaseUsers', 'peers', 'processes', 'whitelist'];
/** Elements with more links than their item. Which links a project has is recorded; that the others have some is, but not which. */
const FURTHER_LINKS: Readonly<Record<string, readonly string[]>> = {
  getGroup: PROJECT_LINKS,
  getGroupByName: PROJECT_LINKS,
  getGroupAlert: ['alertConfigs'],
  getGroupProcess: ['databases', 'disks'],
  getOrg: ['groups', 'teams', 'users'],
};

/** A template with the parameters that another path has, as they are written there. */
function fillTemplate(template: string, from: { readonly template: string; readonly path: string }): string {
  const segments = from.path.split('/');
  const written = new Map(from.template.split('/').map((name, index) => [name, segments[index]]));
  return template
    .split('/')
    .map((segment) => written.get(segment) ?? segment)
    .join('/');
}

const valuesOf = (names: string, { pathParameters }: Address) =>
  names
    .split('+')
    .map((name) => pathParameters[name] ?? '')
    .join('/');

/** The error of an element that its list does not contain. The one of clusters is recorded, the other documented. */
export function elementMissing(
  { operation, path, pathParameters: { clusterName = '', groupId = '' } }: Address,
  headers: Readonly<Record<string, string>>,
): SimulatedResponse {
  if (operation.id !== 'getGroupCluster') return unknownPath(path, headers);
  return errorResponse(
    {
      status: 404,
      errorCode: 'CLUSTER_NOT_FOUND',
      detail: `No cluster named ${clusterName} exists in group ${groupId}.`,
      parameters: [clusterName, groupId],
    },
    headers,
  );
}

/** Atlas names what belongs to these elements below the address of the element itself. */
function withFurtherLinks({ id }: Operation, value: Json): Json {
  const names = FURTHER_LINKS[id] ?? [];
  if (!isObject(value) || !Array.isArray(value['links'])) return value;
  const links: readonly Json[] = value['links'];
  const [self = null] = links;
  if (!isObject(self)) return value;
  const further = names.map((name) => ({
    rel: `https://cloud.mongodb.com/${name}`,
    href: `${self['href']}/${name}`,
  }));
  return { ...value, links: [...links, ...further] };
}

/** Reads elements from the lists that contain them. */
export function createElements({ catalog, world }: { readonly catalog: Catalog; readonly world: World }) {
  function listOf(address: Address, { idParameter }: ElementOfList, operation: Operation): Address {
    const own = new Set(idParameter.split('+'));
    return {
      operation,
      path: fillTemplate(operation.path, { template: address.operation.path, path: address.path }),
      pathParameters: Object.fromEntries(
        Object.entries(address.pathParameters).filter(([name]) => !own.has(name)),
      ),
      filters: '',
    };
  }

  return {
    /** The element at an address; undefined if its list does not contain it. */
    find(address: Address, view: View): Json | undefined {
      const { element } = address.operation;
      const list = element === undefined ? undefined : catalog.find(element.list);
      // The paths of users name no organization, and so no list: any id finds a user.
      if (element === undefined || list === undefined) return world.document(address, view);
      const identity = valuesOf(element.idParameter, address);
      const item = world.find(listOf(address, element, list), view, identity, element);
      return item === undefined ? undefined : withFurtherLinks(address.operation, item);
    },
  };
}
