import { expect, test } from 'vitest';
import { operations } from '../../../src/atlas/operations.ts';
import type { Exchange } from '../../../src/upstream/message.ts';
import { createRequestGateway, GATEWAY_ORIGIN } from '../../support/request-gateway.ts';
import { existing, fill, LINK_ORIGIN, startAtlas } from '../../support/simulated-reads.ts';

const VERSION = /vnd\.atlas\.([\w-]+)\+json/;

test('every document is the same from the gateway as from the simulated Atlas, in every format', async () => {
  const atlas = startAtlas();
  const { clock } = atlas;
  const exchange: Exchange = async ({ method, target, headers }) => {
    const answered = { type: 'answered', status: 200, headers: {} } as const;
    if (method === 'POST')
      return {
        ...answered,
        body: Buffer.from('{"access_token":"t","expires_in":3600,"token_type":"Bearer"}'),
      };
    const reply = await atlas.get(target, VERSION.exec(headers['accept'] ?? '')?.[1] ?? '');
    return { ...answered, status: reply.status, body: Buffer.from(reply.text) };
  };
  const gateway = createRequestGateway({ exchange }, { clock });

  for (const operation of operations.filter(({ kind }) => kind !== 'list')) {
    const version = operation.versions.at(-1)?.name ?? '';
    const { samples } = await existing(atlas, operation, version);
    const path = fill(operation.path, samples);
    const has = (name: string) => operation.queryParameters.some((parameter) => parameter.name === name);
    const isPlain = !operation.queryParameters.some(({ required }) => required === true);
    if (!isPlain) continue;
    for (const pretty of has('pretty') ? [false, true] : [false])
      for (const envelope of has('envelope') ? [false, true] : [false]) {
        const target = `${path}?${pretty ? 'pretty=true&' : ''}${envelope ? 'envelope=true' : ''}`.replace(
          /[?&]$/,
          '',
        );
        const theirs = await atlas.get(target, version);
        const waiting = gateway.ask(target, { accept: `application/vnd.atlas.${version}+json` });
        await clock.advance(0);
        const ours = await waiting;
        expect([operation.id, ours.status, ours.text.replaceAll(GATEWAY_ORIGIN, LINK_ORIGIN)]).toEqual([
          operation.id,
          theirs.status,
          theirs.text,
        ]);
      }
  }
});
