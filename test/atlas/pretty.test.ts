import fc from 'fast-check';
import { expect, test } from 'vitest';
import { prettyPrint } from '../../src/atlas/pretty.ts';
import { writeJson } from '../../src/simulator/pages.ts';

test('pretty uses Jackson’s format: members on separate lines, arrays inline', () => {
  const json =
    '{"links":[{"href":"x","rel":"self"},{"href":"y","rel":"next"}],"results":[],"a":{},"n":[1,[2,3]],"s":"{\\"[,:"}';
  expect(prettyPrint(Buffer.from(json)).toString()).toBe(`{
  "links" : [ {
    "href" : "x",
    "rel" : "self"
  }, {
    "href" : "y",
    "rel" : "next"
  } ],
  "results" : [ ],
  "a" : { },
  "n" : [ 1, [ 2, 3 ] ],
  "s" : "{\\"[,:"
}`);
});

test('the result equals that of a printer that parses the value first', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const compact = writeJson(value as never, false);
      expect(prettyPrint(Buffer.from(compact)).toString()).toBe(writeJson(value as never, true));
    }),
  );
});
