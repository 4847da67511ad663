import { describePublic } from './openapi.ts';
import { describeAdmin } from './openapi-admin.ts';

/** The OpenAPI documents as JSON. `scripts/openapi.mjs` replaces the compiled module by their text, so that no process renders them. */
export const publicDocument = (version: string): string => JSON.stringify(describePublic(version));
export const adminDocument = (version: string): string => JSON.stringify(describeAdmin(version));
