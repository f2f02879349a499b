import type { ExceededLimit, Issue, ProblemCode } from '@dimmer/schema';

/** Why the rules refuse a request. It becomes a problem document at the HTTP boundary. */
export interface Rejection {
  readonly code: ProblemCode;
  /** What is wrong, with the names involved. */
  readonly detail: string;
  /** What the caller can do. */
  readonly remedy?: string;
  readonly issues?: readonly Issue[];
  readonly limit?: ExceededLimit;
}

/** A value, or the reason why there is none. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly rejection: Rejection };

export function accepted<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function rejected(rejection: Rejection): { readonly ok: false; readonly rejection: Rejection } {
  return { ok: false, rejection };
}

/** Takes an accepted value further; a rejection stays as it is. */
export function andThen<A, B>(result: Result<A>, next: (value: A) => Result<B>): Result<B> {
  return result.ok ? next(result.value) : result;
}

/** Turns an accepted value into another; a rejection stays as it is. */
export function mapResult<A, B>(result: Result<A>, next: (value: A) => B): Result<B> {
  return result.ok ? accepted(next(result.value)) : result;
}
