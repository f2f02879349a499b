import { conditionDepth } from '@dimmer/evaluator';
import type { AttributeCondition, Condition, Operator } from '@dimmer/schema';
import { LIMITS } from '@dimmer/schema';
import { type Fault, limitFault } from '../changes/fault.ts';

/**
 * What is wrong with a condition by itself: missing values, values of a type that the operator never matches,
 * too deep, patterns too long. Whether patterns, versions, times and networks can be read is for the compiler.
 *
 * @param path - JSONPath of the condition.
 * @example faultsOfCondition({ attribute: 'age', op: 'gte', values: ['18'] }, '$.when')
 * // [{ path: '$.when.values[0]', rule: 'value-type', ... }]
 */
export function faultsOfCondition(condition: Condition, path: string): Fault[] {
  const depth = conditionDepth(condition);
  if (depth > LIMITS.conditionDepth) {
    return [limitFault(path, 'conditionDepth', depth, 'the nesting of all, any and not')];
  }
  return faultsOfParts(condition, path);
}

type ValueType = 'string' | 'number' | 'boolean';

const text: readonly ValueType[] = ['string'];
const number: readonly ValueType[] = ['number'];
const time: readonly ValueType[] = ['string', 'number'];

/** The types of value that an operator can match; `exists` takes none. */
const valueTypes: { readonly [operator in Operator]: readonly ValueType[] } = {
  in: ['string', 'number', 'boolean'],
  startsWith: text,
  endsWith: text,
  contains: text,
  matches: text,
  lt: number,
  lte: number,
  gt: number,
  gte: number,
  before: time,
  after: time,
  semverLt: text,
  semverLte: text,
  semverGt: text,
  semverGte: text,
  semverEq: text,
  exists: [],
  inCidr: text,
};

function faultsOfParts(condition: Condition, path: string): Fault[] {
  if ('segment' in condition) return [];
  if ('not' in condition) return faultsOfParts(condition.not, `${path}.not`);
  if ('all' in condition) {
    return condition.all.flatMap((part, index) => faultsOfParts(part, `${path}.all[${index}]`));
  }
  if ('any' in condition) {
    return condition.any.flatMap((part, index) => faultsOfParts(part, `${path}.any[${index}]`));
  }
  return faultsOfTest(condition, path);
}

function faultsOfTest({ op, values = [] }: AttributeCondition, path: string): Fault[] {
  if (op === 'exists') return values.length === 0 ? [] : [needlessValues(path)];
  if (values.length === 0) return [missingValues(op, path)];
  return values.flatMap((value, index) => faultsOfValue(op, value, `${path}.values[${index}]`));
}

function faultsOfValue(op: Operator, value: string | number | boolean, path: string): Fault[] {
  const allowed = valueTypes[op];
  if (!allowed.some((type) => type === typeof value)) return [wrongType(op, allowed, path)];
  if (op !== 'matches' || typeof value !== 'string' || value.length <= LIMITS.patternCharacters) return [];
  return [limitFault(path, 'patternCharacters', value.length, 'the length of the pattern')];
}

function wrongType(op: Operator, allowed: readonly ValueType[], path: string): Fault {
  const types = allowed.join(' or a ');
  return {
    path,
    rule: 'value-type',
    message: `must be a ${types}: "${op}" never matches anything else`,
    remedy: `Give a ${types}, or use another operator.`,
  };
}

function missingValues(op: Operator, path: string): Fault {
  return {
    path: `${path}.values`,
    rule: 'values-required',
    message: `must have at least one entry: "${op}" compares with them`,
    remedy: 'List the values to compare with.',
  };
}

function needlessValues(path: string): Fault {
  return {
    path: `${path}.values`,
    rule: 'values-not-allowed',
    message: 'must be left out: "exists" compares with nothing',
    remedy: 'Leave `values` out, or use "in".',
  };
}
