import type { Operator } from '@dimmer/schema';
import type SemVer from 'semver/classes/semver.js';
import type { ValueFault, ValueKind } from './condition-value.ts';
import {
  INSTANT,
  NETWORK,
  NUMBER,
  numberOf,
  PATTERN,
  PLAIN,
  readValues,
  TEXT,
  VERSION,
  versionOf,
} from './condition-value.ts';
import { instantOf } from './instant.ts';
import type { Network } from './network.ts';
import { addressOf, holdsAddress } from './network.ts';

/** Judges one value of an attribute. Total: a type that the operator does not know is not satisfied. */
export type ValueTest = (value: unknown) => boolean;

/** Makes the test of a condition from its values, or says what is wrong with one of them. */
export type OperatorCompiler = (values: readonly unknown[]) => ValueTest | ValueFault;

/**
 * The compiler of an operator that compares values. `exists` asks about the attribute itself and is not here.
 *
 * @returns `undefined` for a name that this build does not know.
 * @example operatorOf('in')?.(['NO', 'SE'])
 */
export function operatorOf(name: string): OperatorCompiler | undefined {
  return compilers.get(name);
}

const operators: Readonly<Record<Exclude<Operator, 'exists'>, OperatorCompiler>> = {
  in: compiler(PLAIN, oneOf),
  startsWith: compiler(
    TEXT,
    anyOf((part) => (value) => typeof value === 'string' && value.startsWith(part)),
  ),
  endsWith: compiler(
    TEXT,
    anyOf((part) => (value) => typeof value === 'string' && value.endsWith(part)),
  ),
  contains: compiler(
    TEXT,
    anyOf((part) => (value) => typeof value === 'string' && value.includes(part)),
  ),
  matches: compiler(
    PATTERN,
    anyOf((pattern) => (value) => typeof value === 'string' && pattern.test(value)),
  ),
  lt: compiler(
    NUMBER,
    below((bound) => (value) => numberOf(value) < bound),
  ),
  lte: compiler(
    NUMBER,
    below((bound) => (value) => numberOf(value) <= bound),
  ),
  gt: compiler(
    NUMBER,
    above((bound) => (value) => numberOf(value) > bound),
  ),
  gte: compiler(
    NUMBER,
    above((bound) => (value) => numberOf(value) >= bound),
  ),
  before: compiler(
    INSTANT,
    below((bound) => (value) => instantOf(value) < bound),
  ),
  after: compiler(
    INSTANT,
    above((bound) => (value) => instantOf(value) > bound),
  ),
  semverLt: compiler(
    VERSION,
    anyVersion((order) => order < 0),
  ),
  semverLte: compiler(
    VERSION,
    anyVersion((order) => order <= 0),
  ),
  semverGt: compiler(
    VERSION,
    anyVersion((order) => order > 0),
  ),
  semverGte: compiler(
    VERSION,
    anyVersion((order) => order >= 0),
  ),
  semverEq: compiler(
    VERSION,
    anyVersion((order) => order === 0),
  ),
  inCidr: compiler(NETWORK, anyNetwork),
};

const compilers: ReadonlyMap<string, OperatorCompiler> = new Map(Object.entries(operators));

type Make<T> = (values: readonly T[]) => ValueTest;

function compiler<T>(kind: ValueKind<T>, make: Make<T>): OperatorCompiler {
  return (values) => {
    const known = readValues(values, kind);
    return 'index' in known ? known : make(known);
  };
}

function oneOf(values: readonly (string | number | boolean)[]): ValueTest {
  if (values.length <= 2) return anyOf((only) => (value) => value === only)(values);
  const members: ReadonlySet<unknown> = new Set(values);
  return (value) => members.has(value);
}

/** One and two values are common and need no loop. */
function anyOf<T>(testOf: (value: T) => ValueTest): Make<T> {
  return (values) => {
    const tests = values.map(testOf);
    const [first, second] = tests;
    if (first === undefined) return never;
    if (second === undefined) return first;
    if (tests.length === 2) return (value) => first(value) || second(value);
    return (value) => tests.some((test) => test(value));
  };
}

/** Being below any of the bounds is being below the highest. */
function below(testOf: (bound: number) => ValueTest): Make<number> {
  return (bounds) => (bounds.length === 0 ? never : testOf(Math.max(...bounds)));
}

function above(testOf: (bound: number) => ValueTest): Make<number> {
  return (bounds) => (bounds.length === 0 ? never : testOf(Math.min(...bounds)));
}

function anyVersion(holds: (order: number) => boolean): Make<SemVer> {
  return (versions) => (value) => {
    const version = versionOf(value);
    return version !== undefined && versions.some((other) => holds(version.compare(other)));
  };
}

function anyNetwork(networks: readonly Network[]): ValueTest {
  return (value) => {
    const address = typeof value === 'string' ? addressOf(value) : undefined;
    return address !== undefined && networks.some((network) => holdsAddress(network, address));
  };
}

function never(): boolean {
  return false;
}
