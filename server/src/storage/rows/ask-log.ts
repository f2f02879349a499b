import type { Segment } from '../../segments/segment.ts';
import type { FlagDocument } from '../storage.ts';
import { readFlagDocument, readSegment } from './documents.ts';

/**
 * A change keeps the whole object as it left it, so the log can stand in for a damaged row. This asks for what the
 * newest change that left the object in place says of it.
 */
export interface LogQuestion {
  readonly kind: 'flag' | 'segment';
  readonly key: string;
  readonly project: string;
  /** Id of the environment; `null`: whichever of the project's changed it last. */
  readonly environment: number | null;
}

/** Work on rows that may have to ask the log. One text for drivers that wait and for those that do not. */
export type AskingLog<T> = Generator<LogQuestion, T, string | undefined>;

/** A flag with its configuration and kill, as the log last saw them. */
export function* lastGoodFlag(question: Omit<LogQuestion, 'kind'>): AskingLog<FlagDocument | undefined> {
  const text = yield { kind: 'flag', ...question };
  const read = text === undefined ? undefined : readFlagDocument(text);
  return read?.ok === true ? read.value : undefined;
}

/** The same of a segment. */
export function* lastGoodSegment(question: Omit<LogQuestion, 'kind'>): AskingLog<Segment | undefined> {
  const text = yield { kind: 'segment', ...question };
  const read = text === undefined ? undefined : readSegment(text);
  return read?.ok === true ? read.value : undefined;
}

/** Runs such work on a driver that answers at once. */
export function answering<T>(work: AskingLog<T>, answer: (question: LogQuestion) => string | undefined): T {
  let step = work.next();
  while (!step.done) step = work.next(answer(step.value));
  return step.value;
}

/** Runs such work on a driver that has to be waited for. */
export async function answeringLater<T>(
  work: AskingLog<T>,
  answer: (question: LogQuestion) => Promise<string | undefined>,
): Promise<T> {
  let step = work.next();
  while (!step.done) step = work.next(await answer(step.value));
  return step.value;
}
