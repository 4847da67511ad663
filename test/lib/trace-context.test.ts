import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTraceparent } from '../../src/lib/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

test.each([
  ['recorded by the client', `00-${TRACE}-${SPAN}-01`, true],
  ['not recorded', `00-${TRACE}-${SPAN}-00`, false],
  ['with flags of later versions', `00-${TRACE}-${SPAN}-ff`, true],
  ['of a later version', `01-${TRACE}-${SPAN}-01`, true],
  ['of a later version with more fields', `cc-${TRACE}-${SPAN}-00-more`, false],
])('a trace context %s is read', (_name, header, sampled) => {
  expect(parseTraceparent(header)).toEqual({ traceId: TRACE, spanId: SPAN, sampled });
});

test.each([
  ['absent', undefined],
  ['empty', ''],
  ['without a span', `00-${TRACE}-01`],
  ['with upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
  ['with a trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
  ['with a span id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['of the invalid version ff', `ff-${TRACE}-${SPAN}-01`],
  ['of version 00 with more fields', `00-${TRACE}-${SPAN}-01-more`],
  ['of a later version whose flags are too long', `01-${TRACE}-${SPAN}-011`],
  ['sent twice', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
  ['with surrounding text', ` 00-${TRACE}-${SPAN}-01`],
])('a trace context %s is ignored', (_name, header) => {
  expect(parseTraceparent(header)).toBeUndefined();
});

test('for any text, the ids are hexadecimal or absent', () => {
  const part = fc.oneof(fc.constantFrom('00', '01', TRACE, SPAN, '-', '\n'), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const context = parseTraceparent(parts.join('-'));
      expect(context?.traceId ?? TRACE).toMatch(/^[0-9a-f]{32}$/);
      expect(context?.spanId ?? SPAN).toMatch(/^[0-9a-f]{16}$/);
    }),
  );
});
