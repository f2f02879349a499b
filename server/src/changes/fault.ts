import type { Issue } from '@dimmer/schema';
import { LIMITS } from '@dimmer/schema';
import { accepted, type Rejection, type Result, rejected } from './result.ts';

/** One thing that is wrong with what was asked: a broken rule, or an exceeded limit. */
export type Fault = Issue;

/**
 * @param what - What is too much, in words.
 * @example limitFault('$.when', 'conditionDepth', 12, 'the nesting of the condition')
 */
export function limitFault(path: string, name: keyof typeof LIMITS, current: number, what: string): Fault {
  const maximum = LIMITS[name];
  return {
    path,
    rule: name,
    message: `exceeds the limit ${name}: ${what} is ${current}, at most ${maximum}`,
    remedy: `Bring it down to ${maximum}.`,
    limit: { name, current, maximum },
  };
}

/** The value, unless there are faults: then RULE_VIOLATED, or LIMIT_EXCEEDED where only limits are exceeded. */
export function unlessFaulty<T>(faults: readonly Fault[], value: () => T): Result<T> {
  const [first, ...others] = faults;
  return first === undefined ? accepted(value()) : rejected(rejectionOf(first, others));
}

/** The same faults, with `path` in place of the `$` that their paths start from. */
export function faultsUnder(path: string, faults: readonly Fault[]): Fault[] {
  return faults.map((fault) => ({ ...fault, path: path + fault.path.slice(1) }));
}

/** The same rejection for a part of a larger request, whose issues start from `path`. */
export function rejectionUnder(path: string, rejection: Rejection): Rejection {
  const { code, detail, remedy = 'Correct or remove this part of the request.' } = rejection;
  const rule = code.toLowerCase().replaceAll('_', '-');
  const limited = rejection.limit !== undefined && { limit: rejection.limit };
  const issues = rejection.issues ?? [{ path: '$', rule, message: detail, remedy, ...limited }];
  return { ...rejection, detail: `${path}: ${detail}`, issues: faultsUnder(path, issues) };
}

/** @returns RULE_VIOLATED, or LIMIT_EXCEEDED where only limits are exceeded; it leads with the first of its kind. */
function rejectionOf(first: Fault, others: readonly Fault[]): Rejection {
  const faults = [first, ...others];
  const leading = faults.find((fault) => fault.limit === undefined) ?? first;
  const more = others.length > 0 ? ` (and ${others.length} more)` : '';
  return {
    code: leading.limit === undefined ? 'RULE_VIOLATED' : 'LIMIT_EXCEEDED',
    detail: `${leading.path} ${leading.message}${more}.`,
    remedy: leading.remedy,
    issues: faults.slice(0, ISSUES_MAX),
    ...(leading.limit !== undefined && { limit: leading.limit }),
  };
}

/** A body full of faults must not make an answer full of them. */
const ISSUES_MAX = 50;
