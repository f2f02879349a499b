import type { EvaluationContext } from '@dimmer/schema';
import { readerOf } from './attribute.ts';

/** Who a context is, by one attribute; `undefined` when the attribute names nobody. */
export type SubjectReader = (context: EvaluationContext) => string | undefined;

/**
 * Makes the reader that targets, segments and rollouts share: a string as it is, a safe integer in decimal,
 * nothing else.
 *
 * @example subjectReaderOf('accountId')({ accountId: 42 }) // '42'
 */
export function subjectReaderOf(by: string): SubjectReader {
  const read = readerOf(by);
  return (context) => {
    const value = read(context);
    return typeof value === 'string' ? value : decimalOf(value);
  };
}

function decimalOf(value: unknown): string | undefined {
  return Number.isSafeInteger(value) ? String(value) : undefined;
}
