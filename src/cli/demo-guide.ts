import { SAMPLE_PROJECTS } from '../simulator/world.ts';

const ACCEPT = "-H 'Accept: application/vnd.atlas.2023-02-01+json'";

/** Something to try: shell lines that are pasted together. */
interface Step {
  readonly title: string;
  /** What to look for in the output. */
  readonly expect: string;
  readonly lines: readonly string[];
}

export interface DemoGuideOptions {
  readonly publicOrigin: string;
  readonly adminOrigin: string;
  readonly simulatorOrigin: string;
  readonly ordersKey: { readonly id: string; readonly secret: string };
  /** Whether the output is a terminal that shows colours. */
  readonly colour: boolean;
}

function stepsOf({ publicOrigin, adminOrigin, simulatorOrigin, ordersKey }: DemoGuideOptions): Step[] {
  const { payments, orders } = SAMPLE_PROJECTS;
  const bearer = `-H 'Authorization: Bearer ${ordersKey.id}_${ordersKey.secret}'`;
  const list = (project: string, query = '') =>
    `'${publicOrigin}/api/atlas/v2/groups/${project}/streams/privateLinkConnections${query}'`;
  const first = list(payments.id, '?itemsPerPage=2');
  return [
    {
      title: 'Read a list, twice',
      expect: 'Cache-Status says fwd=miss the first time and hit from then on.',
      lines: [`curl -i ${ACCEPT} ${first}`],
    },
    {
      title: 'Read another page of it, in another format',
      expect: 'A hit, too: the whole list is cached.',
      lines: [`curl -i ${ACCEPT} ${list(payments.id, '?pretty=true&pageNum=3&itemsPerPage=5')}`],
    },
    {
      title: 'Read as team-orders, with its key',
      expect: 'Its own project is 200, a project of another team 403, with what to ask the operator for.',
      lines: [
        `curl -i ${ACCEPT} ${bearer} ${list(orders.id, '?itemsPerPage=1')}`,
        `curl -i ${ACCEPT} ${bearer} ${list(payments.id)}`,
      ],
    },
    {
      title: 'Break Atlas, insist on a new answer, and repair Atlas',
      expect:
        'The answer is 200, from the cache: Cache-Status has detail=UPSTREAM_FAILED, Age the age of the list.',
      lines: [
        `curl -s -o /dev/null -X POST -d '{"status":503}' ${simulatorOrigin}/simulator/faults`,
        `curl -i -H 'Cache-Control: no-cache' ${ACCEPT} ${first}`,
        `curl -s -o /dev/null -X DELETE ${simulatorOrigin}/simulator/faults`,
      ],
    },
    {
      title: 'Count what reached Atlas',
      expect:
        'Four calls with 200: three pages of the first list, and the list of team-orders. The 503s are the outage.',
      lines: [`curl -s ${adminOrigin}/metrics | grep atlas_gateway_upstream_requests_total`],
    },
  ];
}

/** What to try in the demo, as shell lines that can be pasted, and what to do after it. */
export function demoGuide(options: DemoGuideOptions): string {
  const { publicOrigin, adminOrigin, simulatorOrigin, colour } = options;
  const style = (code: number) => (text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const [heading, dim, link] = [style(1), style(2), style(36)];
  const steps = stepsOf(options).map(
    ({ title, expect, lines }, index) =>
      `${heading(`${index + 1}. ${title}`)}\n   ${dim(expect)}\n${lines.map((line) => `  ${line}\n`).join('')}`,
  );
  return `
${heading('Status page')}      ${link(`${adminOrigin}/`)}
${heading('Gateway')}          ${link(publicOrigin)}
${heading('Simulated Atlas')}  ${link(simulatorOrigin)}

Open the status page, and paste the lines of each step into another shell.

${steps.join('\n')}
${heading('Next')}
  docs/getting-started.md   connects the gateway to your Atlas and makes a key for the first team
  docs/clients.md           points curl, SDKs, CLI, Terraform and MCP at it
  atlas-gateway --help      lists all commands

Press Ctrl-C to stop.

`;
}
