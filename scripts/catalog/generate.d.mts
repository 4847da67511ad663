interface Named {
  readonly id: string;
  readonly path: string;
}
export type Generated =
  | { readonly problems: readonly string[] }
  | {
      readonly problems?: undefined;
      readonly operations: readonly Named[];
      readonly unserved: readonly Named[];
      readonly source: string;
    };
export function generate(text: string): Generated;
