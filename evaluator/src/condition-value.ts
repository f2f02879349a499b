import { LIMITS } from '@dimmer/schema';
import { RE2JS } from 're2js';
import type SemVer from 'semver/classes/semver.js';
import parseVersion from 'semver/functions/parse.js';
import { quote } from './defect.ts';
import { instantOf } from './instant.ts';
import type { Network } from './network.ts';
import { networkOf } from './network.ts';

/** What a condition's values must be for an operator. */
export interface ValueKind<T> {
  /** Reads one value; `undefined` when it is not of the kind. */
  readonly read: (value: unknown) => T | undefined;
  /** The kind, for a defect: `must be ...`. */
  readonly rule: string;
}

export interface ValueFault {
  /** Which of the values is wrong. */
  readonly index: number;
  readonly message: string;
}

/** Reads every value of a condition, or stops at the first that is not of the kind. */
export function readValues<T>(
  values: readonly unknown[],
  { read, rule }: ValueKind<T>,
): readonly T[] | ValueFault {
  const known: T[] = [];
  for (const [index, value] of values.entries()) {
    const one = read(value);
    if (one === undefined) return { index, message: `${rule}, not ${quote(value)}` };
    known.push(one);
  }
  return known;
}

/** A finite number; `NaN` for anything else. */
export function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : Number.NaN;
}

/** A semantic version by node-semver's strict grammar. */
export function versionOf(value: unknown): SemVer | undefined {
  return typeof value === 'string' && LIKE_A_VERSION.test(value)
    ? (parseVersion(value) ?? undefined)
    : undefined;
}

/** The package throws and catches inside to refuse a text, which costs a hundred times as much as this. */
const LIKE_A_VERSION = /^\s*v?\d+\.\d+\.\d/;

export const PLAIN: ValueKind<string | number | boolean> = {
  read: (value) =>
    typeof value === 'string' || typeof value === 'boolean' ? value : measured(numberOf(value)),
  rule: 'must be a string, a finite number or a boolean',
};

export const TEXT: ValueKind<string> = {
  read: (value) => (typeof value === 'string' ? value : undefined),
  rule: 'must be a string',
};

export const NUMBER: ValueKind<number> = {
  read: (value) => measured(numberOf(value)),
  rule: 'must be a finite number',
};

export const INSTANT: ValueKind<number> = {
  read: (value) => measured(instantOf(value)),
  rule: 'must be an ISO 8601 date, or date and time with an offset, or milliseconds since 1970',
};

export const VERSION: ValueKind<SemVer> = {
  read: versionOf,
  rule: 'must be a semantic version such as 1.2.3',
};

export const NETWORK: ValueKind<Network> = {
  read: (value) => (typeof value === 'string' ? networkOf(value) : undefined),
  rule: 'must be a CIDR block such as 10.0.0.0/8',
};

export const PATTERN: ValueKind<RE2JS> = {
  read: (value) => (typeof value === 'string' ? patternOf(value) : undefined),
  rule: `must be an RE2 pattern of at most ${LIMITS.patternCharacters * 2} characters, without look-around or back-references`,
};

function measured(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}

function patternOf(source: string): RE2JS | undefined {
  if (source.length > LIMITS.patternCharacters * 2) return undefined;
  try {
    return RE2JS.compile(source);
  } catch {
    return undefined;
  }
}
