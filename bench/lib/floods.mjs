// Floods of requests that a malicious caller or a broken client could send.
import { ACCEPT, listPath, projectId } from './atlas.mjs';
import { callerKey } from './gateway.mjs';

/** The project whose list the other callers request; the flooding caller may read only this project. */
export const PROJECT = projectId(1);
export const FLOODER = callerKey(666);
const path = listPath(PROJECT);
const usual = { Accept: ACCEPT, Authorization: FLOODER.bearer };

/** `request` returns the request with a number; `token` differs every time. `statuses` are the expected ones. */
export const FLOODS = {
  harmless: { title: 'one known target', statuses: [200], request: () => ({ target: path, headers: usual }) },
  pages: {
    title: 'pages of one list, each another',
    statuses: [200],
    request: (number) => ({
      target: `${path}?pageNum=${1 + Math.floor(number / 500)}&itemsPerPage=${1 + (number % 500)}`,
      headers: usual,
    }),
  },
  'bad queries': {
    title: 'unknown query parameters',
    statuses: [400],
    request: (_number, token) => ({ target: `${path}?x${token}=${token}`, headers: usual }),
  },
  paths: {
    title: 'paths that do not exist',
    statuses: [501],
    request: (_number, token) => ({ target: `/api/atlas/v2/${token}/${token}`, headers: usual }),
  },
  projects: {
    title: 'projects it may not read',
    statuses: [403],
    request: (_number, token) => ({ target: listPath(token), headers: usual }),
  },
  keys: {
    title: 'caller keys that do not exist',
    statuses: [401],
    request: (_number, token) => ({
      target: path,
      headers: { ...usual, Authorization: `Bearer agw_${token.slice(0, 12)}_${token}${token.slice(0, 19)}` },
    }),
  },
  tokens: {
    title: 'tokens that are none',
    statuses: [401],
    request: (_number, token) => ({
      target: path,
      headers: { ...usual, Authorization: `Bearer eyJhbGciOiJIUzI1NiJ9.${token}.${token}` },
    }),
  },
  'Accept-Encoding': {
    title: 'Accept-Encoding, each another',
    statuses: [200],
    request: (_number, token) => ({
      target: path,
      headers: { ...usual, 'Accept-Encoding': `${token}, gzip;q=0.5` },
    }),
  },
  'If-None-Match': {
    title: 'If-None-Match, each another',
    statuses: [200],
    request: (_number, token) => ({ target: path, headers: { ...usual, 'If-None-Match': `"${token}"` } }),
  },
  Accept: {
    title: 'Accept, each another',
    statuses: [200],
    request: (_number, token) => ({
      target: path,
      headers: { ...usual, Accept: `${ACCEPT}, text/${token};q=0.1` },
    }),
  },
};
