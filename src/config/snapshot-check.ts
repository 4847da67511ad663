/** Returns the problem of the cache file's path, or undefined. Paths are absolute. */
export function snapshotProblem(
  path: string,
  {
    named,
    whyNotWritable,
  }: {
    /** The configuration and every file it references; the cache file must not overwrite them. */
    named: readonly string[];
    whyNotWritable: (path: string) => string | undefined;
  },
): string | undefined {
  if (named.includes(path))
    return `${path} is the configuration or a file it references, and would be overwritten; choose another path`;
  const reason = whyNotWritable(path);
  return reason === undefined ? undefined : `${path} ${reason}`;
}
