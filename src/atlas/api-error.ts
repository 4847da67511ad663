import { parseBoundedJson } from '../lib/bounded-json.ts';

/** Atlas's error object; the gateway's own errors have the same shape. */
export interface ApiError {
  readonly status: number;
  readonly errorCode: string;
  /** A readable message: the problem and its remedy. */
  readonly detail: string;
  readonly parameters?: readonly (string | number)[];
}

/** Reason phrases of RFC 9110 for the statuses that the gateway and the simulator send. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  410: 'Gone',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** The reason phrase of a status, or `Error` for an unlisted status. */
export const reasonOf = (status: number): string => REASONS[status] ?? 'Error';

/** The error as Atlas writes it: compact JSON, keys in alphabetical order. */
export function renderApiError({ status, errorCode, detail, parameters = [] }: ApiError): Buffer {
  return Buffer.from(
    JSON.stringify({ detail, error: status, errorCode, parameters, reason: reasonOf(status) }),
  );
}

/** Atlas errors have a few hundred bytes; longer bodies are not parsed. */
export const MAX_ERROR_BYTES = 65_536;

/** Whether a text has the form of an Atlas error code and is thus safe as a header, log field or label value. */
export const isErrorCode = (text: string): boolean => /^[A-Z0-9_]{1,64}$/.test(text);

/** The `errorCode` of an ApiError body; undefined if the body is not an ApiError or the code does not have the form of Atlas's codes. */
export function errorCodeOf(body: Buffer): string | undefined {
  const error = parseBoundedJson(body, MAX_ERROR_BYTES);
  if (typeof error !== 'object' || error === null || !('errorCode' in error)) return undefined;
  const { errorCode } = error;
  return typeof errorCode === 'string' && isErrorCode(errorCode) ? errorCode : undefined;
}

/**
 * Whether a body is an error of Atlas's own, and not of a proxy or firewall on the way: a JSON object with `error` or `errorCode`. One too
 * large to be parsed counts by its first byte.
 */
export function isApiError(body: Buffer): boolean {
  if (body[0] !== 0x7b) return false;
  if (body.length > MAX_ERROR_BYTES) return true;
  const error = parseBoundedJson(body, MAX_ERROR_BYTES);
  return typeof error === 'object' && error !== null && ('errorCode' in error || 'error' in error);
}
