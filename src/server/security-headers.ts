import { NONCE, type secureHeaders } from 'hono/secure-headers';

type Options = Exclude<Parameters<typeof secureHeaders>[0], undefined>;

/** For answers outside `/api` that load nothing. A header that a route set itself stays. */
export const PAGE_HEADERS: Options = {
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
  },
  xFrameOptions: 'DENY',
  // Whether a host serves only https is for its owner to say: browsers apply it to all ports, those of other programs too.
  strictTransportSecurity: false,
  overwrite: false,
};

/** For pages, which load only their own script and style. The nonce is the context's `secureHeadersNonce`. */
export const ADMIN_PAGE_HEADERS: Options = {
  ...PAGE_HEADERS,
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: [NONCE],
    styleSrc: [NONCE],
    imgSrc: ['data:'],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
  },
};
