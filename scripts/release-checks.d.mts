export interface ReleaseFacts {
  readonly version: string;
  readonly repository: string | undefined;
  readonly changelog: string;
  readonly changes: string;
  readonly commit: string;
  readonly passed: string;
  readonly digest: string;
}
export function changelogEntry(changelog: string, version: string): string | undefined;
export function repositoryUrl(text: string): string | undefined;
export function problemsOf(facts: ReleaseFacts): string[];
export function withRepository<Manifest extends object>(
  manifest: Manifest,
  repository: string,
): Manifest & { repository: { type: string; url: string }; homepage: string; bugs: { url: string } };
