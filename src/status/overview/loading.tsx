import { count } from '../format.ts';
import type { StatusReport } from '../report.ts';
import { Bar, LOW_FRACTION } from './bar.tsx';

/** Tiles about loading from Atlas: the connections and their queue, the lists being loaded, and what cools down after failures. */
export function Loading({ report: { connections, loads, coolingDown } }: { readonly report: StatusReport }) {
  const { busy, limit, queued } = connections;
  return (
    <>
      <div>
        <dt>Connections to Atlas</dt>
        <dd>
          {count(busy)} <small>of {count(limit)}</small>
        </dd>
        <dd class="more">
          <Bar part={busy / limit} low={busy > limit * (1 - LOW_FRACTION)} />
          {count(queued)} queued
        </dd>
      </div>
      <div>
        <dt>Being loaded</dt>
        <dd>{count(loads.loading)}</dd>
        <dd class="more">{count(loads.waiting)} waiting</dd>
      </div>
      <div>
        <dt>Cooling down</dt>
        <dd>{count(coolingDown.lists)}</dd>
        <dd class="more">
          lists that failed{coolingDown.pages === 0 ? '' : `, and ${count(coolingDown.pages)} pages`}
        </dd>
      </div>
    </>
  );
}
