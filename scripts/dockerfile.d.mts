export interface Instruction {
  readonly keyword: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly text: string;
}
export interface Stage {
  readonly name: string | undefined;
  readonly base: string;
  readonly instructions: readonly Instruction[];
}
export function readDockerfile(
  text: string,
  buildArgs?: Readonly<Record<string, string>>,
): {
  readonly args: ReadonlyMap<string, string>;
  readonly stages: readonly Stage[];
};
export function lastOf(stage: Stage, keyword: string): Instruction | undefined;
export function execForm(text: string): string[];
export function pairs(stage: Stage, keyword: string): Map<string, string>;
export function createContextFilter(text: string): {
  readonly admitted: ReadonlySet<string>;
  admits(path: string): boolean;
};
