/** Edit distance (Levenshtein), for short names. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_none, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/** What is longer is compared up to here. */
const MAX_LENGTH = 64;

/** The name that `written` probably means; undefined if none is similar. */
export function suggest(written: string, names: Iterable<string>): string | undefined {
  const compared = written.slice(0, MAX_LENGTH).toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(compared.length / 3)) + 1;
  for (const name of names) {
    // The distance is at least the difference of the lengths.
    if (Math.abs(name.length - compared.length) >= bestDistance) continue;
    const far = distance(compared, name.toLowerCase());
    if (far < bestDistance) {
      best = name;
      bestDistance = far;
    }
  }
  return best;
}

/** `: did you mean 'x'?`, or nothing. */
export function didYouMean(written: string, names: Iterable<string>): string {
  const meant = suggest(written, names);
  return meant === undefined ? '' : `: did you mean '${meant}'?`;
}
