import type { GatewayConfig } from '../config/schema.ts';

/** Where links lead: as configured, or where the public listener turns out to listen. */
export interface PublicUrl {
  /** Scheme and host, and the path under which a proxy serves the gateway, if any; without a trailing slash. */
  current(): string;
  /** That path; empty if there is none. */
  readonly basePath: string;
  listeningOn(origin: string): void;
}

const basePathOf = (publicUrl: string | undefined): string =>
  publicUrl === undefined ? '' : new URL(publicUrl).pathname.replace(/\/$/, '');

export function createPublicUrl({ publicUrl }: GatewayConfig['listen']): PublicUrl {
  let listening = '';
  return {
    current: () => publicUrl ?? listening,
    basePath: basePathOf(publicUrl),
    listeningOn: (origin) => {
      listening = origin;
    },
  };
}
