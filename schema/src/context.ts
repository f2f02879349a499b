/**
 * Who is asking: the attributes that targeting rules read.
 *
 * `targetingKey` names the subject (a user, a device, a tenant) and is what rollouts bucket by unless a
 * rollout says otherwise. Every other attribute is free: strings, numbers, booleans, dates, arrays of
 * these, and nested plain objects reached by a path (`organization.plan`).
 *
 * A context is read and never kept, changed or sent by an evaluation. Any JavaScript value is survivable:
 * an attribute that throws when read, or holds a type that no operator knows, counts as missing.
 *
 * @example
 * const context: EvaluationContext = { targetingKey: 'user-1', country: 'NO', organization: { plan: 'pro' } };
 */
export interface EvaluationContext {
  readonly targetingKey?: string | undefined;
  readonly [attribute: string]: unknown;
}
