import type { JsonValue } from '@dimmer/schema';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { linearPattern } from './linear-pattern.ts';

/** A JSON Schema, draft 2020-12. */
export type ValueSchema = { readonly [keyword: string]: JsonValue };

/** Says what is wrong with a value; `undefined`: nothing. */
export type ValueTest = (value: JsonValue) => string | undefined;

/** A schema that can be used, or what is wrong with it. */
export type CompiledValueSchema = { readonly test: ValueTest } | { readonly fault: string };

/**
 * Compiles a schema for the values of a json flag. `format` is an annotation, as draft 2020-12 has it; patterns
 * are RE2; schemas elsewhere cannot be referenced.
 *
 * @example compileValueSchema({ type: 'object', required: ['limit'] })
 */
export function compileValueSchema(schema: ValueSchema): CompiledValueSchema {
  if (schema['$async'] !== undefined) return { fault: 'uses "$async", which draft 2020-12 does not have' };
  try {
    if (metaSchema.validateSchema(schema) !== true) return { fault: faultsOf(metaSchema, metaSchema.errors) };
    return { test: testOf(schema) };
  } catch (fault) {
    return { fault: fault instanceof Error ? fault.message : 'is not a JSON Schema' };
  }
}

/** Judges schemas and compiles none, so it keeps nothing of them. One for all: it takes some 10 ms to make. */
const metaSchema = new Ajv2020({ logger: false });

/** Regular expressions of schemas; `code` is for schemas that are written out as code, which none is here. */
const regExp = Object.assign(linearPattern, { code: 'linearPattern' });

/** One compiler per schema: a shared one would keep what it compiled, and mix schemas of the same `$id`. */
function testOf(schema: ValueSchema): ValueTest {
  const compiler = new Ajv2020({
    code: { regExp },
    logger: false,
    meta: false,
    strictRequired: false,
    strictTuples: false,
    strictTypes: false,
    validateFormats: false,
    validateSchema: false,
  });
  const validate = compiler.compile(schema);
  return (value) => {
    try {
      return validate(value) === true ? undefined : faultsOf(compiler, validate.errors);
    } catch (fault) {
      // A schema that refers to itself without going into the value ends with the stack.
      if (fault instanceof RangeError) return 'cannot be tried: the schema refers to itself without end';
      throw fault;
    }
  };
}

function faultsOf(ajv: Ajv2020, errors: Parameters<Ajv2020['errorsText']>[0]): string {
  return ajv.errorsText(errors, { dataVar: 'value' });
}
