/** The headers of a request that sends none but `Host`, as the edge sees them. */
export const NO_HEADERS = {
  authorization: undefined,
  accept: undefined,
  acceptEncoding: undefined,
  ifNoneMatch: undefined,
  cacheControl: undefined,
  pragma: undefined,
  hosts: 1,
  hasBody: false,
};
