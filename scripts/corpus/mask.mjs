// Replaces what differs between two runs of the same program (ports, times, tokens) by placeholders, so that two recordings can be compared.

/** An id that the gateway made itself; one that a client sent is recorded as it is. */
const REQUEST_ID = /^[\w-]{8}-\d+$/;
const TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const ISO_TIME = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z/g;
/** Ports the system chooses have five digits; the ports that help texts name have four. */
const CHOSEN_PORT = /127\.0\.0\.1:\d{5}\b/g;
const DURATION = /\b\d+(?:\.\d+)? ms\b/g;
const WHOLE_KEY = /\bagw_[A-Za-z0-9]{12}_[\w-]{43}/g;
const KEY_ID = /\bagw_[A-Za-z0-9]{12}/g;
const KEY_SECRET = /(?<![\w-])[\w-]{43}(?![\w-])/g;
const HASH = /\b[a-f0-9]{64}\b|\b[a-f0-9]{32}\b/g;

const HEADERS = {
  date: () => '<date>',
  age: (value) => value.replace(/^\d+$/, '<seconds>'),
  'x-request-id': (value) => (REQUEST_ID.test(value) ? '<request id>' : value),
  'retry-after': (value) => value.replace(/^\d+$/, '<seconds>'),
  // Public documents have a fixed max-age, which is part of the behaviour.
  'cache-control': (value) => value.replace(/^(private, max-age=)\d+/, '$1<seconds>'),
  'cache-status': (value) => value.replace(/ttl=(-?)\d+/, 'ttl=$1<seconds>'),
  'www-authenticate': (value) => value.replaceAll(/nonce="[^"]*"/g, 'nonce="<nonce>"'),
  'content-security-policy': (value) => value.replaceAll(/'nonce-[^']*'/g, "'nonce-<nonce>'"),
  'set-cookie': (value) => value.replace(/=[^;]+/, (text) => (text.length > 8 ? '=<session>' : text)),
};

/** A header's value; `name` is in lower case. */
export const maskHeader = (name, value) => HEADERS[name]?.(value) ?? value;

/** `replacements` are pairs of a text that only this run contains and its placeholder; longer texts first. */
export function maskText(text, replacements = []) {
  let masked = text;
  for (const [found, placeholder] of replacements) masked = masked.replaceAll(found, placeholder);
  return masked.replaceAll(TOKEN, '<token>').replaceAll(CHOSEN_PORT, '127.0.0.1:<port>');
}

/** What a command or the start of a process prints. */
export const maskOutput = (text, replacements) =>
  maskText(text, replacements)
    .replaceAll(ISO_TIME, '<time>')
    .replaceAll(DURATION, '<duration>')
    .replaceAll(process.version, '<node version>');

/** Output that contains a new caller key. */
export const maskKey = (text) =>
  text
    .replaceAll(WHOLE_KEY, '<key>')
    .replaceAll(KEY_ID, '<key id>')
    .replaceAll(KEY_SECRET, '<key secret>')
    .replaceAll(HASH, '<hash>');

/** The counters of the gateway keep their values, which are as stable as the requests; all other values are masked. */
const isCounter = (name) => /^atlas_gateway_\w+_total$/.test(name);
const isGateways = (name) => name.startsWith('atlas_');

function maskSample(line) {
  const [, name, labels, value] = /^(\w+)(\{.*\})? (\S+)/.exec(line) ?? [];
  if (name === undefined || !isGateways(name)) return [];
  const maskedLabels = (labels ?? '').replaceAll(process.version, '<node version>');
  return [`${name}${maskedLabels} ${isCounter(name) ? value : '<value>'}`];
}

/** The lines of a Prometheus exposition, sorted. Of the runtime's own metrics only HELP and TYPE are recorded. */
export const maskMetrics = (text) =>
  text
    .split('\n')
    .flatMap((line) => (line.startsWith('#') ? [line] : maskSample(line)))
    .sort();

const VOLATILE_MEMBERS = /(^at|^time|^node|Ms|[sS]econds|^remaining|^bytes|^inFlight)$/;
/** Members that count in steps of time: which step a request falls into depends on the moment. */
const SERIES_MEMBERS = /^(trend)$/;

/** The facts of `/status.json`: all names, and the values that do not depend on the moment. */
export function maskStatus(value, name = '') {
  if (VOLATILE_MEMBERS.test(name) && typeof value !== 'object') return `<${typeof value}>`;
  if (SERIES_MEMBERS.test(name)) return Object.keys(value);
  if (Array.isArray(value)) return value.map((item) => maskStatus(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, maskStatus(member, key)]));
}

/** An HTML page: scripts and styles stay; nonces, times, drawings and all numbers that people read do not. */
export const maskPage = (html, replacements) =>
  maskText(html, replacements)
    .replaceAll(/nonce="[^"]*"/g, 'nonce="<nonce>"')
    .replaceAll(ISO_TIME, '<time>')
    .replaceAll(process.version, '<node version>')
    .replaceAll(/(<svg[^>]*>)[\s\S]*?<\/svg>/g, '$1…</svg>')
    .split(/(<script[\s\S]*?<\/script>|<style[\s\S]*?<\/style>)/)
    .map((part) => (/^<(script|style)/.test(part) ? part : maskNumbers(part)))
    .join('')
    .replaceAll('><', '>\n<');

const NUMBER = /\d+(?:[.,]\d+)*/g;

const maskNumbers = (markup) =>
  markup
    .replaceAll(/ (?:aria-label|title|style)="[^"]*"/g, (attribute) => attribute.replaceAll(NUMBER, '#'))
    .replaceAll(/>[^<]+</g, (text) => text.replaceAll(NUMBER, '#'));

const VOLATILE_LOG_MEMBERS = new Set(['time', 'requestId', 'durationMs']);

function maskMember(value, replacements) {
  if (typeof value === 'string') return maskOutput(value, replacements);
  return Array.isArray(value) ? value.map((item) => maskMember(item, replacements)) : value;
}

/** A log line that was parsed; texts in it are masked as output is. */
export const maskLogLine = (line, replacements) =>
  Object.fromEntries(
    Object.entries(line).map(([name, value]) => [
      name,
      VOLATILE_LOG_MEMBERS.has(name) ? `<${name}>` : maskMember(value, replacements),
    ]),
  );
