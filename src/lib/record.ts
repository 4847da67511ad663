/** Whether a value of JSON or YAML is an object. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The member of an object or the entry of a list; undefined if there is none. */
export const memberOf = (value: unknown, part: PropertyKey): unknown =>
  Array.isArray(value) ? value[Number(part)] : isRecord(value) ? value[String(part)] : undefined;
