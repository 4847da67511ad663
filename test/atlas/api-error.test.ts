import { expect, test } from 'vitest';
import { errorCodeOf } from '../../src/atlas/api-error.ts';

test.each([
  ['{"errorCode":"RESOURCE_NOT_FOUND"}', 'RESOURCE_NOT_FOUND'],
  [`{"errorCode":"${'A'.repeat(64)}"}`, 'A'.repeat(64)],
  [`{"errorCode":"${'A'.repeat(65)}"}`, undefined],
  ['{"errorCode":""}', undefined],
  ['{"errorCode":"☂"}', undefined],
  ['{"errorCode":"A\\r\\nSet-Cookie: a=b"}', undefined],
  ['{"errorCode":"A\\n"}', undefined],
  ['{"errorCode":404}', undefined],
  ['{}', undefined],
  ['null', undefined],
  ['<html>', undefined],
  [`{"errorCode":"A","detail":"${'x'.repeat(65_536)}"}`, undefined],
])('the error code of %s is %s', (body, code) => {
  expect(errorCodeOf(Buffer.from(body))).toBe(code);
});
