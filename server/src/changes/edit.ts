import type { Actor } from '../access/api-key.ts';
import type { ProjectState } from '../environments/environment.ts';
import type { Result } from './result.ts';

/** What an edit may know of the world beside the state: it is handed in, so that edits stay pure. */
export interface EditContext {
  /** When the edit is made, ISO 8601 in UTC. */
  readonly now: string;
  readonly actor: Actor;
  /** Draws a random unsigned 32-bit seed for a new rollout. */
  readonly newSeed: () => number;
}

/**
 * A change that is asked for, as a value. It decides, synchronously and without touching what it was given,
 * what a project becomes, or why it may not.
 *
 * @example
 * const edit: Edit = patchConfiguration('production', 'checkout-v2', { enabled: true });
 * const result = edit(state, context);
 */
export type Edit = (state: ProjectState, context: EditContext) => Result<ProjectState>;
