// The licences allowed for production dependencies.

/** Licences that only require their text to be included. */
const PERMISSIVE = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Unlicense',
]);

/**
 * Whether an SPDX expression allows a permissive licence: one operand of `A OR B` is enough, all of `A AND B` are required. Texts that are
 * not SPDX expressions (`SEE LICENSE IN …`, empty) are not permissive.
 */
export function isPermissive(expression) {
  const words = (expression ?? '')
    .replaceAll(/([()])/g, ' $1 ')
    .split(/\s+/)
    .filter((word) => word !== '');
  let at = 0;
  const next = (word) => words[at] === word && ++at > 0;
  const alternatives = () => {
    let good = all();
    while (next('OR')) good = all() || good;
    return good;
  };
  const all = () => {
    let good = one();
    while (next('AND')) good = one() && good;
    return good;
  };
  const one = () => {
    if (!next('(')) return PERMISSIVE.has(words[at++]);
    const good = alternatives();
    return next(')') && good;
  };
  return alternatives() && at === words.length;
}

/** The production packages of the lock file. */
export const productionPackages = (lock) =>
  Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
    .map(([path, { version, license }]) => ({
      path,
      name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version,
      license,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
