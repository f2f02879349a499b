import { LIMITS, OPERATORS } from '@dimmer/schema';
import type { AttributeReader } from './attribute.ts';
import { readerOf } from './attribute.ts';
import type { Defect, DefectLog } from './defect.ts';
import { quote } from './defect.ts';
import { fuse } from './fused-condition.ts';
import { objectHolds } from './object-holds.ts';
import type { ValueTest } from './operators.ts';
import { operatorOf } from './operators.ts';
import type { Predicate } from './predicate.ts';
import { isRecord } from './record.ts';

/** What a condition needs of a segment. */
export interface SegmentTest {
  readonly holds: Predicate;
  readonly defect?: Defect;
}

/** What compiling a definition needs from outside it. */
export interface Scope {
  readonly log: DefectLog;
  readonly segments: ReadonlyMap<string, SegmentTest>;
}

/**
 * Compiles a condition into a closure with everything that it needs inside: sets, programs, parsed versions,
 * segments.
 *
 * @param condition - Of unknown shape: a later server may send conditions that this build does not know.
 * @param path - JSONPath of the condition, for defects.
 * @returns A predicate; what cannot be compiled is logged and never holds.
 */
export function compileCondition(condition: unknown, path: string, scope: Scope, depth = 0): Predicate {
  if (!isRecord(condition)) return refuse(scope, path, 'must be a condition');
  const kinds = CONDITION_KINDS.filter((kind) => Object.hasOwn(condition, kind));
  const [kind] = kinds;
  if (kind === undefined) {
    scope.log.unsupported(path, `${quote(condition)} is not a condition that this build knows; upgrade it`);
    return never;
  }
  if (kinds.length > 1) return refuse(scope, path, `must be one condition, not ${kinds.join(' and ')}`);
  if (kind === 'attribute') return compileAttribute(condition, path, scope);
  if (kind === 'segment') return compileReference(condition['segment'], `${path}.segment`, scope);
  if (depth >= LIMITS.conditionDepth * 2) {
    return refuse(scope, path, `nests deeper than ${LIMITS.conditionDepth * 2} levels; use a segment`);
  }
  return compileNested(kind, condition[kind], `${path}.${kind}`, scope, depth + 1);
}

const CONDITION_KINDS = ['all', 'any', 'not', 'segment', 'attribute'] as const;

function compileNested(
  kind: 'all' | 'any' | 'not',
  inner: unknown,
  path: string,
  scope: Scope,
  depth: number,
): Predicate {
  if (kind === 'not') return notOf(compileCondition(inner, path, scope, depth));
  if (!Array.isArray(inner)) return refuse(scope, path, 'must be a list of conditions');
  const parts = inner.map((part, index) => compileCondition(part, `${path}[${index}]`, scope, depth));
  return kind === 'all' ? allOf(parts) : anyOf(parts);
}

function compileReference(key: unknown, path: string, scope: Scope): Predicate {
  if (typeof key !== 'string') return refuse(scope, path, 'must be the key of a segment');
  const segment = scope.segments.get(key);
  if (segment === undefined) {
    return refuse(scope, path, `there is no segment ${quote(key)}; create it or remove the condition`);
  }
  if (segment.defect !== undefined) scope.log.inherit(path, key, segment.defect);
  return segment.holds;
}

function compileAttribute(
  condition: Readonly<Record<string, unknown>>,
  path: string,
  scope: Scope,
): Predicate {
  const { attribute, op, values } = condition;
  if (typeof attribute !== 'string' || attribute === '') {
    return refuse(scope, `${path}.attribute`, 'must be an attribute path');
  }
  const read = readerOf(attribute);
  if (op === 'exists') return compileExists(read, values, path, scope);
  const compile = typeof op === 'string' ? operatorOf(op) : undefined;
  if (typeof op !== 'string' || compile === undefined) {
    const message = `${quote(op)} is not an operator that this build knows; upgrade it or use one of ${OPERATORS.join(', ')}`;
    scope.log.unsupported(`${path}.op`, message);
    return never;
  }
  if (!Array.isArray(values))
    return refuse(scope, `${path}.values`, 'must be a list of values to compare with');
  const test = compile(values);
  if (typeof test !== 'function') return refuse(scope, `${path}.values[${test.index}]`, test.message);
  return fuse(attribute, op, values, test) ?? attributeHolds(read, test);
}

function compileExists(read: AttributeReader, values: unknown, path: string, scope: Scope): Predicate {
  if (values !== undefined && !(Array.isArray(values) && values.length === 0)) {
    return refuse(
      scope,
      `${path}.values`,
      'must be left out with exists; wrap the condition in "not" to negate',
    );
  }
  return (context) => isPresent(read(context));
}

/** The general way: any path, any operator. */
export function attributeHolds(read: AttributeReader, test: ValueTest): Predicate {
  return (context) => {
    const value = read(context);
    return typeof value === 'object' ? objectHolds(value, test) : test(value);
  };
}

/** What JSON cannot carry is missing, so that an answer is the same where contexts travel as JSON. */
function isPresent(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'object' || typeof value === 'string' || typeof value === 'boolean';
}

/** Two and three parts are common and need no loop. */
function allOf(parts: readonly Predicate[]): Predicate {
  const [first, second, third] = parts;
  if (first === undefined) return always;
  if (second === undefined) return first;
  if (third === undefined) return (context) => first(context) && second(context);
  if (parts.length === 3) return (context) => first(context) && second(context) && third(context);
  return (context) => parts.every((part) => part(context));
}

function anyOf(parts: readonly Predicate[]): Predicate {
  const [first, second, third] = parts;
  if (first === undefined) return never;
  if (second === undefined) return first;
  if (third === undefined) return (context) => first(context) || second(context);
  if (parts.length === 3) return (context) => first(context) || second(context) || third(context);
  return (context) => parts.some((part) => part(context));
}

function notOf(part: Predicate): Predicate {
  return (context) => !part(context);
}

function refuse(scope: Scope, path: string, message: string): Predicate {
  scope.log.invalid(path, message);
  return never;
}

function always(): boolean {
  return true;
}

function never(): boolean {
  return false;
}
