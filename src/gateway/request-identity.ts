import { validRequestId } from '../lib/request-id.ts';
import { parseTraceparent, type TraceContext } from '../lib/trace-context.ts';
import type { TrustedProxies } from '../lib/trusted-proxies.ts';
import { loggedHeader } from './logged-text.ts';

/** What a request says about itself and where it came from. Nothing of it reaches Atlas. */
export interface SentIdentity {
  /** The peer address of the connection; undefined for requests without a socket. */
  readonly peer?: string | undefined;
  readonly headers: {
    readonly requestId: string | undefined;
    readonly traceparent: string | undefined;
    readonly userAgent: string | undefined;
    readonly forwardedFor: string | undefined;
  };
}

/** By what a request is found in logs and traces. */
export interface RequestIdentity {
  readonly requestId: string;
  /** The client's span that the request belongs to. */
  readonly parent: TraceContext | undefined;
  readonly clientIp: string | undefined;
  /** Bounded, printable ASCII. */
  readonly userAgent: string | undefined;
}

/** Malformed ids, trace contexts and addresses count as absent. */
export type IdentifyRequest = (request: SentIdentity) => RequestIdentity;

export const createIdentifyRequest =
  ({
    nextRequestId,
    clientOf,
  }: {
    nextRequestId: () => string;
    clientOf: TrustedProxies['clientOf'];
  }): IdentifyRequest =>
  ({ peer, headers: { requestId, traceparent, userAgent, forwardedFor } }) => ({
    requestId: validRequestId(requestId) ?? nextRequestId(),
    parent: parseTraceparent(traceparent),
    clientIp: clientOf(peer, forwardedFor),
    userAgent: userAgent === undefined ? undefined : loggedHeader(userAgent),
  });
