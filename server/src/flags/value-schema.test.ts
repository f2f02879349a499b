import { expect, test } from 'vitest';
import { compileValueSchema, type ValueSchema } from './value-schema.ts';

function faultOf(schema: ValueSchema, value: string | number | object): string | undefined {
  const compiled = compileValueSchema(schema);
  return 'fault' in compiled ? compiled.fault : compiled.test(JSON.parse(JSON.stringify(value)));
}

test('[C14] a pattern is RE2 and takes linear time, however it is written', () => {
  const schema = { type: 'string', pattern: '^(a+)+$' };
  expect(faultOf(schema, 'aaa')).toBeUndefined();
  expect(faultOf(schema, `${'a'.repeat(50_000)}!`)).toContain('must match pattern');
  const two = { properties: { a: { pattern: '^a' }, b: { pattern: '^b' } } };
  expect(faultOf(two, { a: 'a', b: 'a' })).toContain('value/b must match pattern');
  expect(faultOf({ pattern: '(?=x)' }, 'x')).toContain('RE2');
  expect(faultOf({ patternProperties: { '^x-': { type: 'number' } } }, { 'x-a': '1' })).toContain(
    'must be number',
  );
});

test('[C14] a format is an annotation', () => {
  expect(faultOf({ type: 'string', format: 'email' }, 'nobody')).toBeUndefined();
});

test('[C14] a schema that calls itself the meta-schema harms no other', () => {
  const schema = { $id: 'https://json-schema.org/draft/2020-12/schema', type: 'number' };
  expect(faultOf(schema, 1)).toBeUndefined();
  expect(faultOf({ type: 'strng' }, 1)).toContain('must be equal to one of the allowed values');
  expect(faultOf({ type: 'number' }, 'x')).toContain('must be number');
});

test('[C14] asynchronous schemas are refused', () => {
  expect(faultOf({ $async: true }, 1)).toContain('$async');
});

test('[C14] a schema that refers to itself without end is a fault, not a defect', () => {
  expect(faultOf({ $ref: '#' }, 1)).toContain('without end');
  const tree = { type: 'object', properties: { left: { $ref: '#' } } };
  expect(faultOf(tree, { left: { left: {} } })).toBeUndefined();
});
