import { type ExpectedValue, parseDocument } from '../atlas/document-parser.ts';
import type { Items } from '../atlas/list-parser.ts';
import { upstreamFailure } from './failure.ts';
import { listIdOf } from './list-id.ts';
import type { Send, UpstreamFailure, UpstreamHeaders, UpstreamRequest } from './message.ts';
import { readRefusal, type UpstreamRefusal } from './read-refusal.ts';

/** The result of fetching a document, which is the only item of `items`. */
export type DocumentResult =
  | { readonly type: 'document'; readonly items: Items; readonly headers: UpstreamHeaders }
  | UpstreamRefusal
  | UpstreamFailure;

/** The document to read: the request without its target. */
export interface DocumentRequest extends Omit<UpstreamRequest, 'target' | 'list' | 'cost'> {
  /** Encoded path without query. */
  readonly path: string;
  /** Encoded query parameters, joined by `&`; empty if there are none. */
  readonly filters: string;
  readonly expected: ExpectedValue;
}

/** Fetches a response that is not paginated: one call to Atlas. */
export async function fetchDocument(
  send: Send,
  { path, filters, expected, ...request }: DocumentRequest,
): Promise<DocumentResult> {
  const target = filters === '' ? path : `${path}?${filters}`;
  const response = await send({ ...request, target, list: listIdOf(path, filters) });
  if (response.type === 'failed') return response;
  if (response.status !== 200) return readRefusal(response);
  const { headers, body } = response;
  const parsed = parseDocument(body, expected);
  return parsed.type === 'document'
    ? { ...parsed, headers }
    : upstreamFailure(
        'UPSTREAM_BAD_BODY',
        `Atlas answered 200 with a body that is not the expected JSON: ${parsed.detail}.`,
      );
}
