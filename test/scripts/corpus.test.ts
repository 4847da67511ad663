import { describe, expect, test } from 'vitest';
import {
  compareRecords,
  createAllowance,
  describeComparison,
  differences,
  isDifferent,
} from '../../scripts/corpus/difference.mjs';
import {
  maskHeader,
  maskKey,
  maskLogLine,
  maskMetrics,
  maskOutput,
  maskPage,
  maskStatus,
  maskText,
} from '../../scripts/corpus/mask.mjs';

describe('masking', () => {
  test.each([
    ['date', 'Thu, 26 Nov 2026 09:05:31 GMT', '<date>'],
    ['age', '12', '<seconds>'],
    ['x-request-id', 'KAs34Twj-1', '<request id>'],
    ['x-request-id', 'request-of-the-client', 'request-of-the-client'],
    ['retry-after', '17', '<seconds>'],
    ['cache-control', 'private, max-age=29', 'private, max-age=<seconds>'],
    ['cache-control', 'public, max-age=300', 'public, max-age=300'],
    ['cache-status', 'atlas-gateway; hit; ttl=17', 'atlas-gateway; hit; ttl=<seconds>'],
    ['cache-status', 'atlas-gateway; hit; ttl=-5; detail=x', 'atlas-gateway; hit; ttl=-<seconds>; detail=x'],
    [
      'www-authenticate',
      'Digest realm="r", nonce="abc", qop="auth"',
      'Digest realm="r", nonce="<nonce>", qop="auth"',
    ],
    ['content-security-policy', "script-src 'nonce-YWJj'", "script-src 'nonce-<nonce>'"],
    ['etag', '"vOLLikiHr2IbS4aZ"', '"vOLLikiHr2IbS4aZ"'],
  ])('of the header %s: %s becomes %s', (name, value, masked) => {
    expect(maskHeader(name, value)).toBe(masked);
  });

  test('replaces origins, folders, chosen ports and tokens, and leaves well-known ports', () => {
    const replacements = [
      ['http://127.0.0.1:40123', '<gateway>'],
      ['/tmp/folder', '<folder>'],
    ] as const;
    expect(
      maskText(
        'http://127.0.0.1:40123 /tmp/folder/x 127.0.0.1:50123 127.0.0.1:8080 eyJh.eyJi.c_-d',
        replacements,
      ),
    ).toBe('<gateway> <folder>/x 127.0.0.1:<port> 127.0.0.1:8080 <token>');
  });

  test('of output replaces times, durations and the version of Node', () => {
    expect(maskOutput(`2026-11-26T09:05:30.837Z took 12 ms on ${process.version}`)).toBe(
      '<time> took <duration> on <node version>',
    );
  });

  test('of a new key leaves neither id, secret nor hash', () => {
    const secret = 'x-_9'.repeat(11).slice(0, 43);
    const text = `Bearer agw_AbCdEfGh1234_${secret}\nid agw_AbCdEfGh1234\n${secret}\n${'0a'.repeat(32)}`;
    expect(maskKey(text)).toBe('Bearer <key>\nid <key id>\n<key secret>\n<hash>');
  });

  test('of metrics keeps names, labels and counters, and sorts', () => {
    const text = [
      '# TYPE nodejs_heap gauge',
      'nodejs_heap{space="old"} 123',
      'atlas_gateway_requests_total{code="200"} 7',
      'atlas_gateway_cache_bytes 4711',
    ].join('\n');
    expect(maskMetrics(text)).toEqual([
      '# TYPE nodejs_heap gauge',
      'atlas_gateway_cache_bytes <value>',
      'atlas_gateway_requests_total{code="200"} 7',
    ]);
  });

  test('of the status keeps all names, and the values that do not depend on the moment', () => {
    const status = {
      uptimeSeconds: 3,
      requests: 5,
      cache: { bytes: 10, listings: 2 },
      refusals: [{ at: '2026-11-26T09:05:31.637Z', code: 'NOT_CACHED' }],
      trend: { stepMs: 10_000, requests: [1, 2, 3] },
    };
    expect(maskStatus(status)).toEqual({
      uptimeSeconds: '<number>',
      requests: 5,
      cache: { bytes: '<number>', listings: 2 },
      refusals: [{ at: '<string>', code: 'NOT_CACHED' }],
      trend: ['stepMs', 'requests'],
    });
  });

  test('of a page leaves scripts as they are, and masks nonces, times, drawings and numbers', () => {
    const html =
      '<p title="12 s">3 of 1,234</p><svg class="a"><path d="M1"/></svg><time datetime="2026-11-26T09:05:31Z">1 s ago</time><script nonce="abc">let x = 1;</script>';
    expect(maskPage(html)).toBe(
      '<p title="# s"># of #</p>\n<svg class="a">…</svg>\n<time datetime="<time>"># s ago</time>\n<script nonce="<nonce>">let x = 1;</script>',
    );
  });

  test('of a log line keeps the names of what is masked', () => {
    const line = {
      time: 'now',
      requestId: 'a-1',
      durationMs: 1.5,
      status: 200,
      problems: ['/tmp/f/gateway.yaml:1'],
    };
    expect(maskLogLine(line, [['/tmp/f', '<folder>']])).toEqual({
      time: '<time>',
      requestId: '<requestId>',
      durationMs: '<durationMs>',
      status: 200,
      problems: ['<folder>/gateway.yaml:1'],
    });
  });
});

describe('differences', () => {
  test('are named by their path, also where one side has nothing', () => {
    const before = { status: 200, headers: { a: '1', b: '2' } };
    const after = { status: 404, headers: { a: '1', c: '3' } };
    expect(differences(before, after)).toEqual([
      { path: 'status', before: 200, after: 404 },
      { path: 'headers.b', before: '2', after: undefined },
      { path: 'headers.c', before: undefined, after: '3' },
    ]);
  });

  test('in bodies of JSON are found by member', () => {
    expect(differences({ body: '{"a":[1,2]}' }, { body: '{"a":[1,3]}' })).toEqual([
      { path: 'body.a[1]', before: 2, after: 3 },
    ]);
  });

  test('in the bytes of bodies that mean the same are found too', () => {
    expect(differences({ body: '{"a":1}' }, { body: '{ "a":1}' })).toEqual([
      { path: 'body', before: '{"a":1}', after: '{ "a":1}' },
    ]);
  });

  test('in texts of many lines are found by line, one more line being one difference', () => {
    expect(differences('one\ntwo\nthree', 'one\nnew\ntwo\nthree', 'stdout')).toEqual([
      { path: 'stdout[1]', before: undefined, after: 'new' },
    ]);
  });

  test('in long lines are shown from a little before they begin', () => {
    const [found] = differences(`${'a'.repeat(500)}x`, `${'a'.repeat(500)}y`, 'body');
    expect(found).toEqual({ path: 'body', before: `…${'a'.repeat(40)}x`, after: `…${'a'.repeat(40)}y` });
  });
});

describe('a comparison', () => {
  const before = [
    { name: 'pages: first', status: 200, body: 'old' },
    { name: 'pages: second', status: 200, body: 'same' },
    { name: 'pages: third', status: 200, body: 'gone' },
  ];
  const after = [
    { name: 'pages: first', status: 500, body: 'new' },
    { name: 'pages: second', status: 200, body: 'same' },
    { name: 'pages: fourth', status: 200, body: 'new' },
  ];

  test('of equal recordings finds no difference', () => {
    const comparison = compareRecords(before, before);
    expect(isDifferent(comparison)).toBe(false);
    expect(describeComparison(comparison)).toEqual([
      '3 equal, 0 allowed to differ, 0 changed, 0 missing, 0 new',
    ]);
  });

  test('lists what changed, what is missing and what is new', () => {
    const comparison = compareRecords(before, after);
    expect(isDifferent(comparison)).toBe(true);
    expect(describeComparison(comparison)).toEqual([
      '~ pages: first',
      '    status',
      '      old 200',
      '      new 500',
      '    body',
      '      old "old"',
      '      new "new"',
      '- pages: third: only in the old recording',
      '+ pages: fourth: only in the new recording',
      '1 equal, 0 allowed to differ, 1 changed, 1 missing, 1 new',
    ]);
  });

  test('allows what a rule names, and nothing else of the same record', () => {
    const rules = [
      { records: 'pages: *', fields: ['body'], reason: 'the text was reworded' },
      { records: 'pages: fourth', reason: 'a new page' },
    ];
    const { changed, missing, added, allowed } = compareRecords(before, after, createAllowance(rules));
    expect(changed).toEqual([
      { name: 'pages: first', differences: [{ path: 'status', before: 200, after: 500 }] },
    ]);
    expect({ missing, added, allowed }).toEqual({ missing: ['pages: third'], added: [], allowed: 1 });
  });

  test('needs a reason for each rule, and names the rules that allowed nothing', () => {
    expect(() => createAllowance([{ records: '*' }])).toThrow("a 'reason'");
    const allowance = createAllowance([{ records: 'edge: *', reason: 'r' }]);
    compareRecords(before, after, allowance);
    expect(allowance.unused()).toEqual(['edge: *']);
  });
});
