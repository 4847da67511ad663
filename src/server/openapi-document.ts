/** A part of an OpenAPI document. */
export type Description = Readonly<Record<string, unknown>>;

/** An OpenAPI 3.1 document, ready for `JSON.stringify`. */
export interface OpenApiDocument extends Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Description>>>>;
}

/** What both documents begin with. */
export const OPENAPI = {
  version: '3.1.1',
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
} as const;

/** A reference to a component of the document. */
export const ref = (kind: string, name: string): Description => ({ $ref: `#/components/${kind}/${name}` });

/** Content that is JSON. */
export const json = (schema: Description): Description => ({ 'application/json': { schema } });
/** A response that is a text. */
export const text = (description: string): Description => ({
  description,
  content: { 'text/plain': { schema: { type: 'string' } } },
});

/** An object of which some properties are always there. */
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
