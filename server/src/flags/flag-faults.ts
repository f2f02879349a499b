import type { FlagType, JsonValue } from '@dimmer/schema';
import { LIMITS } from '@dimmer/schema';
import { type Fault, limitFault } from '../changes/fault.ts';
import { jsonPathOf } from '../http/json-path.ts';
import type { Variation } from './flag.ts';
import { compileValueSchema, type ValueSchema, type ValueTest } from './value-schema.ts';

/** What a flag's values have to agree on. */
export interface TypedVariations {
  readonly type: FlagType;
  readonly variations: { readonly [name: string]: Variation };
  readonly valueSchema: ValueSchema | null;
}

/**
 * What is wrong with a flag's variations: values of another type than the flag's, or that its schema refuses.
 *
 * @example faultsOfFlag({ type: 'number', variations: { a: { value: 'x' } }, valueSchema: null })
 * // [{ path: '$.variations.a.value', rule: 'value-type', ... }]
 */
export function faultsOfFlag(flag: TypedVariations): Fault[] {
  const types = faultsOfTypes(flag);
  if (flag.valueSchema === null) return types;
  return [...types, ...faultsOfSchema(flag, flag.valueSchema)];
}

function faultsOfTypes({ type, variations }: TypedVariations): Fault[] {
  if (type === 'json') return [];
  return Object.entries(variations).flatMap(([name, { value }]) =>
    typeof value === type
      ? []
      : [
          {
            path: valuePath(name),
            rule: 'value-type',
            message: `must be a ${type}, as the flag's type says, not ${kindOf(value)}`,
            remedy: `Give a ${type}, or make the flag of another type.`,
          },
        ],
  );
}

function faultsOfSchema(flag: TypedVariations, schema: ValueSchema): Fault[] {
  if (flag.type !== 'json') {
    return [schemaFault(`belongs to json flags only, and this one is a ${flag.type} flag`)];
  }
  const large = Object.entries(flag.variations).flatMap(([name, { value }]) => excess(name, value));
  if (large.length > 0) return large;
  const compiled = compileValueSchema(schema);
  if ('fault' in compiled) return [schemaFault(compiled.fault)];
  return Object.entries(flag.variations).flatMap(([name, { value }]) => refusal(name, value, compiled.test));
}

/** Validating can take longer than the value is long, so what is too large for any flag is not tried. */
function excess(name: string, value: JsonValue): Fault[] {
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes <= LIMITS.flagBytes) return [];
  return [limitFault(valuePath(name), 'flagBytes', bytes, 'the size of the value')];
}

function refusal(name: string, value: JsonValue, test: ValueTest): Fault[] {
  const fault = test(value);
  if (fault === undefined) return [];
  return [
    {
      path: valuePath(name),
      rule: 'value-schema',
      message: `does not satisfy the flag's valueSchema: ${fault}`,
      remedy: 'Correct the value, or the schema.',
    },
  ];
}

function schemaFault(message: string): Fault {
  return {
    path: '$.valueSchema',
    rule: 'value-schema',
    message,
    remedy: 'Give a JSON Schema of draft 2020-12, or null.',
  };
}

function valuePath(variation: string): string {
  return jsonPathOf(['variations', variation, 'value']);
}

function kindOf(value: JsonValue): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
