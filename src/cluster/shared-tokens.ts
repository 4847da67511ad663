import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import type { ShareGrant } from '../upstream/auth/bearer.ts';
import type { UpstreamFailure } from '../upstream/message.ts';
import type { Cluster } from './cluster.ts';
import type { SealedStore } from './sealed-store.ts';

/** Part of the keys, like that of lists: releases with another form of grants use other keys. */
const GRANT_FORMAT = '1';

const grantForm = z.object({
  type: z.literal('grant'),
  value: z.string(),
  renewAt: z.number(),
  endsAt: z.number(),
});

/** Atlas access tokens shared by the gateways of a group: one gateway mints, the others use its token. Sealed like all shared values. */
export function createSharedGrants({
  group,
  values,
  clock,
}: {
  group: Cluster;
  values: SealedStore;
  clock: Clock;
}): ShareGrant {
  return async ({ secrets: { id, secret }, usable, waitUntil }, mint) => {
    // The key depends on the secret: after a rotation a gateway must not get a token of the old secret.
    const secretHash = createHash('sha256').update(secret).digest('base64url');
    const name = group.keyFor('grant', GRANT_FORMAT, id, secretHash);
    if (name === undefined) return mint();
    return values.getOrLoad<z.output<typeof grantForm> | UpstreamFailure>({
      name,
      waitUntil,
      load: mint,
      accept(plain) {
        let grant: z.output<typeof grantForm>;
        try {
          grant = grantForm.parse(JSON.parse(plain.toString()));
        } catch {
          return 'broken';
        }
        return usable(grant) ? grant : undefined;
      },
      toStore(grant) {
        if (grant.type === 'failed') return 'nothing';
        const lifeMs = grant.endsAt - clock.wall();
        return lifeMs > 0 ? { plain: Buffer.from(JSON.stringify(grant)), lifeMs } : 'nothing';
      },
    });
  };
}
