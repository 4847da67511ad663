/** What is wrong with the place of the cache file, or undefined. Paths are absolute. */
export function snapshotProblem(
  path: string,
  {
    named,
    whyNotWritable,
  }: {
    /** The configuration and every file it names: the cache file would replace it. */
    named: readonly string[];
    whyNotWritable: (path: string) => string | undefined;
  },
): string | undefined {
  if (named.includes(path))
    return `${path} is the configuration or a file that it names, and would be overwritten; write another path`;
  const reason = whyNotWritable(path);
  return reason === undefined ? undefined : `${path} ${reason}`;
}
