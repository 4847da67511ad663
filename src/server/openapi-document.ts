/** A part of an OpenAPI document. */
export type Description = Readonly<Record<string, unknown>>;

/** An OpenAPI 3.1 document, ready for `JSON.stringify`. */
export interface OpenApiDocument extends Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Description>>>>;
}

/** Fields shared by both documents. */
export const OPENAPI = {
  version: '3.1.1',
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
} as const;

/** A reference to a component of the document. */
export const ref = (kind: string, name: string): Description => ({ $ref: `#/components/${kind}/${name}` });

/** JSON content with this schema. */
export const json = (schema: Description): Description => ({ 'application/json': { schema } });
/** A plain-text response. */
export const text = (description: string): Description => ({
  description,
  content: { 'text/plain': { schema: { type: 'string' } } },
});

/** A page for browsers. */
export const html = (description: string): Description => ({
  description,
  content: { 'text/html': { schema: { type: 'string' } } },
});

/** An object schema with required properties. */
export const object = (
  required: readonly string[],
  properties: Description,
  description?: string,
): Description => ({
  type: 'object',
  ...(description === undefined ? {} : { description }),
  required,
  properties,
});
