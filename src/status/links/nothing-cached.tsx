/** Shown until the list has been read through the gateway. */
export function NothingCached({
  project,
  publicUrl,
}: {
  readonly project: string;
  readonly publicUrl: string;
}) {
  const address = `${publicUrl}/api/atlas/v2/groups/${project}/streams/privateLinkConnections`;
  return (
    <section class="card" aria-labelledby="nothing-title">
      <div class="card-head">
        <h2 id="nothing-title">No list of this project is cached</h2>
      </div>
      <p>
        This page shows only cached data and sends no requests to Atlas. The list appears here once it has
        been read through the gateway:
      </p>
      <pre class="scroll" tabindex={0}>
        <code>
          {`curl -H 'Accept: application/vnd.atlas.2023-02-01+json' -H "Authorization: Bearer $ATLAS_GATEWAY_KEY" '${address}'`}
        </code>
      </pre>
    </section>
  );
}
