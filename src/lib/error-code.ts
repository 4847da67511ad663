/** The `code` of an error of Node.js or of a library, such as `ENOENT`; undefined if it has none. */
export const codeOfError = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
