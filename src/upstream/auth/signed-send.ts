import type { Send, UpstreamRequest, UpstreamResult } from '../message.ts';
import type { Signer, Unsigned } from './signer.ts';

/** Sends one signed call, possibly after waiting. */
type SendCall = (request: UpstreamRequest) => Promise<UpstreamResult | Unsigned>;

/**
 * Sends requests with a signer, and replays a request whose token or nonce was rejected. Tokens and nonces are obtained outside of
 * `sendCall`, so that whatever it waits for and occupies, a slot above all, is not occupied meanwhile.
 */
export function createSignedSend(
  signer: Pick<Signer, 'prepare' | 'send'>,
  sendCall: SendCall = (request) => signer.send(request),
): Send {
  return async (request) => {
    for (let attempt = 1; ; attempt++) {
      const unprepared = await signer.prepare(request);
      if (unprepared !== undefined) return unsent(unprepared);
      const result = await sendCall(request);
      if (result.type !== 'unsigned') return result;
      if (attempt >= result.attempts) return result.failure;
    }
  };
}

const unsent = (result: UpstreamResult): UpstreamResult =>
  result.type === 'failed' ? { ...result, unsent: true } : result;
