import { SAMPLE_PROJECTS } from '../simulator/world.ts';

const ACCEPT = "-H 'Accept: application/vnd.atlas.2023-02-01+json'";

/** What to try in the demo, as shell lines that can be pasted. */
export function demoGuide({
  publicOrigin,
  adminOrigin,
  simulatorOrigin,
  ordersKey,
}: {
  publicOrigin: string;
  adminOrigin: string;
  simulatorOrigin: string;
  ordersKey: { readonly id: string; readonly secret: string };
}): string {
  const { payments, orders } = SAMPLE_PROJECTS;
  const bearer = `-H 'Authorization: Bearer ${ordersKey.id}_${ordersKey.secret}'`;
  const list = (project: string, query = '') =>
    `'${publicOrigin}/api/atlas/v2/groups/${project}/streams/privateLinkConnections${query}'`;
  return `
The gateway listens on ${publicOrigin}, the simulated Atlas on ${simulatorOrigin}.

The first request loads the list from Atlas (Cache-Status: fwd=miss); a second one is served from the cache (hit):
  curl -i ${ACCEPT} ${list(payments.id, '?itemsPerPage=2')}

Other pages and formats of the same list are hits, too:
  curl -i ${ACCEPT} ${list(payments.id, '?pretty=true&pageNum=3&itemsPerPage=5')}

As team-orders, with its key: its own project, then a project of another team (403):
  curl -i ${ACCEPT} ${bearer} ${list(orders.id, '?itemsPerPage=1')}
  curl -i ${ACCEPT} ${bearer} ${list(payments.id)}

Make Atlas fail, and the gateway continues to serve cached lists. The second line ends the outage:
  curl -X POST -d '{"status":503}' ${simulatorOrigin}/simulator/faults
  curl -X DELETE ${simulatorOrigin}/simulator/faults

See the number of requests sent to Atlas, and the status of the gateway:
  curl -s ${adminOrigin}/metrics | grep atlas_gateway_upstream_requests_total
  curl -s ${adminOrigin}/status.json

Press Ctrl-C to stop.

`;
}
