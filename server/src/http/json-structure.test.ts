import fc from 'fast-check';
import { expect, test } from 'vitest';
import { structureFaultOf } from './json-structure.ts';

test.each([
  ['{"a":1,"a":2}', 'duplicate-name', ['a']],
  ['{"a":{"b":[0,{"c":1,"d":"x","\\u0063":2}]}}', 'duplicate-name', ['a', 'b', 1, 'c']],
  ['[{"a":1},{"a":{"__proto__":1}}]', 'forbidden-name', [1, 'a', '__proto__']],
  ['{"\\u005f_proto__":1}', 'forbidden-name', ['__proto__']],
  ['[{"a":1,"b":1,"c":1},{"a":1,"b":1,"c":1,"d":1}]', 'names', [1, 'd']],
  ['[[],1,"a",[]]', 'names', [3]],
  ['[[],[[[[]]]]]', 'depth', [1, 0, 0, 0]],
])('[A40] %s is refused with the rule and the place', (text, rule, path) => {
  expect(structureFaultOf(text, 4, 3)).toEqual({ rule, path });
});

test('[A40] any JSON that has been written by a program passes, pretty or not', () => {
  const documents = fc
    .jsonValue({ maxDepth: 5 })
    .filter((value) => !JSON.stringify(value).includes('__proto__'));
  fc.assert(
    fc.property(documents, (value) => {
      expect(structureFaultOf(JSON.stringify(value), 64, 10_000)).toBeUndefined();
      expect(structureFaultOf(JSON.stringify(value, null, 2), 64, 10_000)).toBeUndefined();
    }),
  );
});

test('[A40] no text makes the look throw', () => {
  const pieces = fc.array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', 'a', '"a":', '\\u12'));
  fc.assert(
    fc.property(pieces, (parts) => {
      structureFaultOf(parts.join(''), 4, 3);
    }),
  );
});
