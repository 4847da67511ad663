import type { GatewayConfig } from '../config/schema.ts';

/** Scheme and host for links: as configured, or where the public listener turns out to listen. */
export interface PublicUrl {
  current(): string;
  listeningOn(origin: string): void;
}

export function createPublicUrl({ publicUrl }: GatewayConfig['listen']): PublicUrl {
  let listening = '';
  return {
    current: () => publicUrl ?? listening,
    listeningOn: (origin) => {
      listening = origin;
    },
  };
}
