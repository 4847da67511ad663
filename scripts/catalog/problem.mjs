// Why a description was not accepted, and where in it.

/** An error that is printed as one line: where it is in the description, and what is wrong with it. */
class DescriptionError extends Error {}

/** @param where the place in the description; empty for the file itself */
export const problem = (where, what) => new DescriptionError(where === '' ? what : `${where}: ${what}`);

/** Runs `read` and adds what is wrong to `problems`; returns its result, or undefined. */
export function collect(problems, read) {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DescriptionError)) throw error;
    problems.push(error.message);
    return undefined;
  }
}
