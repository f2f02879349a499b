import type { RefusedUpdate } from '@dimmer/follower';
import type { ReportedProblem } from '@dimmer/schema';
import { REPORT_LIMITS } from '@dimmer/schema';
import { cutText } from './report-batches.ts';

/** An update that was refused, and what went on being served. */
export type UpdateProblem = Omit<RefusedUpdate, 'code'> & Pick<ReportedProblem, 'code' | 'from'>;

/** Refusals that are recognised when they come again. */
const REMEMBERED_MAX = 64;

/**
 * Updates that were refused and that the server does not know of yet: each once, however often it comes.
 * Bounded: of very many the newest are told.
 */
export class UpdateProblems {
  #remembered: readonly string[] = [];
  #waiting: readonly (UpdateProblem & { readonly at: number })[] = [];

  /** @param now - Milliseconds on the clock of the instance. */
  add(problem: UpdateProblem, now: number): void {
    const { code, epoch, from, revision } = problem;
    const name = JSON.stringify([code, epoch, from, revision]);
    if (this.#remembered.includes(name)) return;
    this.#remembered = [...this.#remembered, name].slice(-REMEMBERED_MAX);
    this.#waiting = [...this.#waiting, { ...problem, at: now }].slice(-REPORT_LIMITS.problemsPerReport);
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** What to tell now, and what to call once it was heard. */
  pending(now: number): { readonly problems: readonly ReportedProblem[]; readonly heard: () => void } {
    const told = this.#waiting;
    return {
      problems: told.map(({ code, epoch, from, revision, message, at }) => ({
        code,
        epoch,
        from,
        revision,
        message: cutText(message),
        agoMs: Math.max(0, now - at),
      })),
      heard: () => {
        this.#waiting = this.#waiting.filter((problem) => !told.includes(problem));
      },
    };
  }
}
