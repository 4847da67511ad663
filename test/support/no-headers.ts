/** The headers of a request that sends none but `Host`, as the edge sees them. */
export const NO_HEADERS = {
  authorization: undefined,
  accept: undefined,
  acceptEncoding: undefined,
  ifNoneMatch: undefined,
  cacheControl: undefined,
  pragma: undefined,
  requestId: undefined,
  traceparent: undefined,
  userAgent: undefined,
  forwardedFor: undefined,
  hosts: 1,
  hasBody: false,
};
