// What has to be true before a release is made.

/** The section of a version in a changelog, without its heading; undefined if there is none, '' if it is empty. */
export function changelogEntry(changelog, version) {
  const lines = changelog.split('\n');
  const start = lines.findIndex(
    (line) => line.replace(/^## /, '').split(/[ (]/)[0] === version && line.startsWith('## '),
  );
  if (start < 0) return undefined;
  const length = lines.slice(start + 1).findIndex((line) => line.startsWith('## '));
  return lines
    .slice(start + 1, length < 0 ? undefined : start + 1 + length)
    .join('\n')
    .trim();
}

/** The repository's address without `.git`; undefined unless it is an https URL of a host and a path. */
export function repositoryUrl(text) {
  if (!URL.canParse(text)) return undefined;
  const { protocol, host, pathname, username, password, search, hash } = new URL(text);
  const path = pathname.replace(/\.git$/, '').replace(/\/$/, '');
  const plain = username === '' && password === '' && search === '' && hash === '';
  return protocol === 'https:' && plain && path.length > 1 ? `https://${host}${path}` : undefined;
}

/**
 * Everything that stands against a release, one sentence each with its remedy.
 * @param facts `changes`: output of `git status --porcelain`; `passed`: the commit on which .ci/run passed last; `digest`: that of the base.
 */
export function problemsOf({ version, repository, changelog, changes, commit, passed, digest }) {
  const entry = changelogEntry(changelog, version);
  return [
    repository === undefined && '--repository URL is missing, or is not an https address of a repository',
    entry === undefined && `CHANGELOG.md has no section "## ${version}": write what users notice`,
    entry === '' && `CHANGELOG.md says nothing under "## ${version}": write what users notice`,
    changes !== '' &&
      'the tree has changes that are not committed: commit them, or release from a fresh clone',
    passed !== commit && `.ci/run has not passed on ${commit.slice(0, 12)}: run it on this commit`,
    !/^sha256:[0-9a-f]{64}$/.test(digest) &&
      'NODE_DIGEST in deploy/Dockerfile is not the digest of the base image: docker buildx imagetools inspect shows it',
  ].filter((problem) => problem !== false);
}

/** The package's manifest with the fields that lead to its repository. */
export const withRepository = (manifest, repository) => ({
  ...manifest,
  repository: { type: 'git', url: `git+${repository}.git` },
  homepage: `${repository}#readme`,
  bugs: { url: `${repository}/issues` },
});
