import type { AppliedRevision } from '@dimmer/schema';
import { REPORT_LIMITS } from '@dimmer/schema';

/** A step from one revision to another, on the clock of the instance. */
interface AppliedStep {
  readonly epoch: string;
  readonly from: number;
  readonly revision: number;
  readonly at: number;
}

/**
 * Revisions that were applied and that the server does not know of yet. Bounded: of very many in a row the
 * oldest are forgotten, and the newest say enough.
 */
export class AppliedRevisions {
  #steps: readonly AppliedStep[] = [];

  add(step: AppliedStep): void {
    this.#steps = [...this.#steps, step].slice(-REPORT_LIMITS.appliedPerReport);
  }

  get size(): number {
    return this.#steps.length;
  }

  /** What to tell now, and what to call once it was heard. */
  pending(now: number): { readonly applied: readonly AppliedRevision[]; readonly heard: () => void } {
    const told = this.#steps;
    return {
      applied: told.map(({ at, ...step }) => ({ ...step, agoMs: Math.max(0, now - at) })),
      heard: () => {
        this.#steps = this.#steps.filter((step) => !told.includes(step));
      },
    };
  }
}
