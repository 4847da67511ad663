export function isPermissive(expression: string | undefined): boolean;
export function productionPackages(lock: {
  packages: Record<string, { version?: string; license?: string; dev?: boolean; devOptional?: boolean }>;
}): { path: string; name: string; version?: string; license?: string }[];
