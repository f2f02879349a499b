import { buildRuleset } from '@dimmer/evaluator';

/** What is used of a regular expression. */
export interface LinearPattern {
  test(text: string): boolean;
  /** The pattern, which tells it apart from others. */
  toString(): string;
}

/**
 * A regular expression with the syntax and the linear time of the `matches` operator, whose compiler it borrows:
 * a pattern from outside must not be able to hold up the server.
 *
 * @throws SyntaxError for a pattern that RE2 does not read.
 * @example linearPattern('^[a-z]+$').test('abc') // true
 */
export function linearPattern(pattern: string): LinearPattern {
  const when = { attribute: 'text', op: 'matches', values: [pattern] } as const;
  const segment = { kind: 'segment', key: 'pattern', version: 0, by: 'text', when } as const;
  const compiled = buildRuleset([{ ...segment, included: [], excluded: [] }]).segments.get(segment.key);
  if (compiled === undefined || compiled.defect !== undefined) {
    throw new SyntaxError(`cannot read the pattern ${JSON.stringify(pattern)}: it must be RE2 syntax`);
  }
  return { test: (text) => compiled.holds({ text }), toString: () => pattern };
}
