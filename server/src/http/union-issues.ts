import type { z } from 'zod';

type ZodIssue = z.core.$ZodIssue;
type ZodUnionIssue = z.core.$ZodIssueInvalidUnion;

/**
 * Replaces every "no branch of the union fits" by the faults of the branch that was meant, or, where that
 * cannot be told, by one issue that lists the forms.
 *
 * The branch that was meant is the one whose shape fits best: fewest fields missing, fewest fields unknown.
 */
export function flattenUnions(issues: readonly ZodIssue[], input: unknown): ZodIssue[] {
  return issues.flatMap((issue) => (issue.code === 'invalid_union' ? chooseBranch(issue, input) : [issue]));
}

/** The value at a path; `undefined` where the path leads nowhere. */
export function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, step) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    return Reflect.get(value, step);
  }, input);
}

function chooseBranch(union: ZodUnionIssue, input: unknown): ZodIssue[] {
  const value = valueAt(input, union.path);
  const branches = union.errors.map((errors) => ({ errors, misfit: misfitOf(errors, value) }));
  const least = Math.min(...branches.map(({ misfit }) => misfit));
  const best = branches.filter(({ misfit }) => misfit === least);
  const [branch] = best;
  if (branch === undefined) return [{ ...union, message: discriminatorMessage(union, value) }];
  if (least > 0 && best.length > 1) return [{ ...union, message: formsMessage(union.errors, value) }];
  return flattenUnions(branch.errors, value).map((issue) => ({
    ...issue,
    path: [...union.path, ...issue.path],
  }));
}

/** How far a value is from the shape of a branch: its fields that are missing, unknown, or no object at all. */
function misfitOf(branch: readonly ZodIssue[], value: unknown): number {
  return branch.reduce((sum, issue) => {
    if (issue.code === 'unrecognized_keys' && issue.path.length === 0) return sum + issue.keys.length;
    if (issue.path.length === 0) return sum + (issue.code === 'invalid_type' ? 1 : 0);
    return sum + (isMissing(issue, value) ? 1 : 0);
  }, 0);
}

function isMissing(issue: ZodIssue, value: unknown): boolean {
  return issue.path.length === 1 && valueAt(value, issue.path) === undefined;
}

function discriminatorMessage(union: ZodUnionIssue, value: unknown): string {
  const field = union.discriminator ?? 'value';
  return value === undefined ? `needs a field '${field}'` : `is not a known '${field}'`;
}

function formsMessage(branches: readonly (readonly ZodIssue[])[], value: unknown): string {
  const forms = [...new Set(branches.map((branch) => formOf(branch, value)))];
  return forms.length === 1
    ? `must be of the form ${forms[0]}`
    : `must have one of these forms: ${forms.join(', ')}`;
}

function formOf(branch: readonly ZodIssue[], value: unknown): string {
  const [first] = branch;
  if (first?.code === 'invalid_type' && first.path.length === 0) return first.expected;
  const missing = branch.filter((issue) => isMissing(issue, value)).map((issue) => String(issue.path[0]));
  return `{${missing.join(', ')}}`;
}
