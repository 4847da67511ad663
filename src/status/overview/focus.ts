/** What the page is narrowed down to; absent: everything. */
export interface Focus {
  readonly project?: string;
  readonly caller?: string;
  readonly operation?: string;
}

const FIELDS = ['project', 'caller', 'operation'] as const;
const LONGEST = 200;

/** Reads the focus from a page's query. Values need not exist: what does not match anything shows nothing. */
export function readFocus(query: URLSearchParams): Focus {
  const given = FIELDS.flatMap((field) => {
    const value = (query.get(field) ?? '').slice(0, LONGEST);
    return value === '' ? [] : [[field, value]];
  });
  return Object.fromEntries(given);
}

/** The address of the page with this focus. */
export function addressOf(focus: Focus): string {
  const query = new URLSearchParams();
  for (const field of FIELDS) {
    const value = focus[field];
    if (value !== undefined) query.set(field, value);
  }
  const text = query.toString();
  return text === '' ? '/' : `/?${text}`;
}

export const isFocused = (focus: Focus): boolean => FIELDS.some((field) => focus[field] !== undefined);

/** Whether something that belongs to this project, caller and operation is in focus. A field that it lacks matches only an absent focus. */
export const inFocus = (focus: Focus, of: { readonly [Field in keyof Focus]: string | undefined }): boolean =>
  FIELDS.every((field) => focus[field] === undefined || focus[field] === of[field]);
