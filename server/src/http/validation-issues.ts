import type { Issue } from '@dimmer/schema';
import type { z } from 'zod';
import { exceededMembers, exceededSize } from './exceeded-limit.ts';
import { jsonPathOf } from './json-path.ts';
import { flattenUnions, valueAt } from './union-issues.ts';

type ZodIssue = z.core.$ZodIssue;

/** More than this many faults are not listed: a body full of them must not make an answer full of them. */
const ISSUES_MAX = 50;

/**
 * Turns what zod found into issues that name the field, the rule and the remedy.
 *
 * @param input - What was parsed; tells a missing field from a wrong one.
 * @param root - What the paths start from: `$` for a body, `query` or `path`.
 * @example issuesOf(error, { enabled: 1 }, '$')
 * // [{ path: '$.enabled', rule: 'type', message: 'must be a boolean, not a number', remedy: 'Give a boolean.' }]
 */
export function issuesOf(error: z.ZodError, input: unknown, root: string): Issue[] {
  // Cut before they are worded: each has at least one issue.
  return flattenUnions(error.issues.slice(0, ISSUES_MAX), input)
    .flatMap((issue) => describe(issue, input, root))
    .slice(0, ISSUES_MAX);
}

function describe(issue: ZodIssue, input: unknown, root: string): Issue[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, ISSUES_MAX).map((key) => ({
      path: jsonPathOf([...issue.path, key], root),
      rule: 'unknown-field',
      message: 'is not a field here',
      remedy: 'Leave it out, or correct its spelling.',
    }));
  }
  return [{ path: jsonPathOf(issue.path, root), ...wordsOf(issue, valueAt(input, issue.path)) }];
}

function wordsOf(issue: ZodIssue, value: unknown): Omit<Issue, 'path'> {
  switch (issue.code) {
    case 'invalid_type':
      return typeWords(issue.expected, value);
    case 'invalid_value':
      return value === undefined
        ? missingWords(`one of ${issue.values.join(', ')}`)
        : words('one-of', `must be one of ${issue.values.join(', ')}`, 'Choose one of these.');
    case 'too_small':
      return words('minimum', `must ${amount(issue.origin, 'at least', issue.minimum)}`, 'Raise it to that.');
    case 'too_big':
      return tooBigWords(issue, value);
    case 'invalid_format':
      return words('format', formatMessage(issue), 'Write it in that form.');
    case 'invalid_key':
      return nameWords(issue);
    case 'invalid_union':
      if (value === undefined) return missingWords('what the documentation shows');
      return words('form', issue.message, 'Use exactly one of these forms.');
    case 'custom':
      return customWords(issue, value);
    default:
      return words('form', issue.message, 'Correct it.');
  }
}

function typeWords(expected: string, value: unknown): Omit<Issue, 'path'> {
  const wanted = named(expected);
  if (value === undefined) return missingWords(wanted);
  return words('type', `must be ${wanted}, not ${named(kindOf(value))}`, `Give ${wanted}.`);
}

/** With both figures, but for a value that has no size: what `path` leads to is then no longer what was judged. */
function tooBigWords({ origin, maximum }: z.core.$ZodIssueTooBig, value: unknown): Omit<Issue, 'path'> {
  const most = `must ${amount(origin, 'at most', maximum)}`;
  const limit = exceededSize(origin, value, Number(maximum));
  if (limit === undefined) return words('maximum', most, 'Lower it to that.');
  return { ...words('maximum', `${most}, not ${limit.current}`, 'Lower it to that.'), limit };
}

function customWords({ params, message }: z.core.$ZodIssueCustom, value: unknown): Omit<Issue, 'path'> {
  const limit = exceededMembers(params?.['limit'], value);
  const told = limit === undefined ? message : `${message}, not ${limit.current}`;
  return {
    ...words(text(params, 'rule', 'rule'), told, text(params, 'remedy', 'Correct it.')),
    ...(limit !== undefined && { limit }),
  };
}

/** Of a member's name; the last step of the path is the name. */
function nameWords({ issues: [found], path }: z.core.$ZodIssueInvalidKey): Omit<Issue, 'path'> {
  const name = path.at(-1);
  if (found === undefined) return words('name', 'is not an acceptable name: wrong form', 'Rename it.');
  const { message, limit } = wordsOf(found, name);
  return {
    ...words('name', `is not an acceptable name: ${message}`, 'Rename it.'),
    ...(limit !== undefined && { limit }),
  };
}

function missingWords(wanted: string): Omit<Issue, 'path'> {
  return words('required', 'is missing', `Give ${wanted}.`);
}

function formatMessage(issue: z.core.$ZodIssueInvalidStringFormat): string {
  if (issue.format === 'datetime') return 'must be a time as in 2026-11-21T09:30:00Z';
  return issue.message;
}

function amount(origin: string, bound: string, limit: number | bigint): string {
  if (origin === 'string') return `have ${bound} ${limit} characters`;
  if (origin === 'array' || origin === 'set') return `have ${bound} ${limit} entries`;
  return `be ${bound} ${limit}`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number' && !Number.isFinite(value)) return 'number out of range';
  return typeof value === 'number' && !Number.isInteger(value) ? 'fraction' : typeof value;
}

function named(kind: string): string {
  const word = kind === 'int' ? 'whole number' : kind === 'record' ? 'object' : kind;
  if (word === 'null' || word === 'undefined') return word;
  return /^[aeiou]/.test(word) ? `an ${word}` : `a ${word}`;
}

function text(params: Record<string, unknown> | undefined, name: string, otherwise: string): string {
  const value = params?.[name];
  return typeof value === 'string' ? value : otherwise;
}

function words(rule: string, message: string, remedy: string): Omit<Issue, 'path'> {
  return { rule, message, remedy };
}
