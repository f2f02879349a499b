import type { ProblemDocument } from '@dimmer/schema';
import type { ExitCode } from './exit-code.ts';

/** Ends a command: what a person reads on stderr, and the exit code. Thrown anywhere, caught once, at the edge. */
export class CommandFailure extends Error {
  readonly exitCode: ExitCode;
  /** What the server answered, where it did. */
  readonly problem: ProblemDocument | undefined;

  constructor(exitCode: ExitCode, lines: readonly string[], problem?: ProblemDocument) {
    super(lines.join('\n'));
    this.exitCode = exitCode;
    this.problem = problem;
  }
}

/**
 * A problem document as people read it: what is wrong, its code, and what to do.
 *
 * @example problemLines(document) // ['There is no flag "x". (FLAG_NOT_FOUND)', 'List the flags …']
 */
export function problemLines(problem: ProblemDocument): string[] {
  const { detail, code, remedy, issues = [], instance } = problem;
  const request = instance === undefined ? '' : `, request ${instance}`;
  // The detail and the remedy of a single issue are those of the document.
  const several = issues.length > 1 ? issues : [];
  const issueLines = several.flatMap((issue) => [`  ${issue.path} ${issue.message}`, `    ${issue.remedy}`]);
  return [`${detail} (${code}${request})`, ...issueLines, ...(remedy === undefined ? [] : [remedy])];
}
