/** How a problem is answered. */
interface ProblemKind {
  readonly status: number;
  /** What happened, the same for every occurrence. */
  readonly title: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
}

/**
 * Every error code that the REST API and the data plane answer with. Codes are API: they are added, never
 * renamed. Each answer is an RFC 9457 document of this kind with a `detail` and a `remedy` of its own.
 */
export const PROBLEMS = {
  INVALID_JSON: { status: 400, title: 'The body is not acceptable JSON.', retryable: false },
  INVALID_REQUEST: { status: 400, title: 'The request does not have the required form.', retryable: false },
  BAD_CONTEXT: { status: 400, title: 'The context cannot be evaluated.', retryable: false },
  UNAUTHENTICATED: { status: 401, title: 'No valid key was given.', retryable: false },
  FORBIDDEN: { status: 403, title: 'This key may not do that.', retryable: false },
  WRONG_KEY_KIND: { status: 403, title: 'This kind of key does not open this route.', retryable: false },
  SECURE_MODE_HASH: {
    status: 403,
    title: 'The context was not signed for this environment.',
    retryable: false,
  },
  ROUTE_NOT_FOUND: { status: 404, title: 'There is no such route.', retryable: false },
  PROJECT_NOT_FOUND: { status: 404, title: 'There is no such project.', retryable: false },
  ENVIRONMENT_NOT_FOUND: { status: 404, title: 'There is no such environment.', retryable: false },
  FLAG_NOT_FOUND: { status: 404, title: 'There is no such flag.', retryable: false },
  CONFIGURATION_NOT_FOUND: {
    status: 404,
    title: 'The flag has no configuration in this environment.',
    retryable: false,
  },
  SEGMENT_NOT_FOUND: { status: 404, title: 'There is no such segment.', retryable: false },
  KEY_NOT_FOUND: { status: 404, title: 'There is no such key.', retryable: false },
  REVISION_NOT_FOUND: {
    status: 404,
    title: 'The revision or time is outside the kept history.',
    retryable: false,
  },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The route does not take this method.', retryable: false },
  KEY_EXISTS: { status: 409, title: 'The key is taken.', retryable: false },
  FLAG_ARCHIVED: { status: 409, title: 'The flag is archived.', retryable: false },
  IN_USE: { status: 409, title: 'Something else still depends on it.', retryable: false },
  REQUEST_IN_FLIGHT: {
    status: 409,
    title: 'A request with this Idempotency-Key is still being answered.',
    retryable: true,
  },
  PRECONDITION_FAILED: { status: 412, title: 'It has changed since it was read.', retryable: false },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large.', retryable: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body must be JSON.', retryable: false },
  RULE_VIOLATED: { status: 422, title: 'The change would break a rule.', retryable: false },
  LIMIT_EXCEEDED: { status: 422, title: 'The change would exceed a limit.', retryable: false },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'This Idempotency-Key was used for another request.',
    retryable: false,
  },
  PRECONDITION_REQUIRED: {
    status: 428,
    title: 'The request must say which version it replaces.',
    retryable: false,
  },
  RATE_LIMITED: { status: 429, title: 'Too many requests.', retryable: true },
  REPORTS_SHED: { status: 429, title: 'Reports are not taken right now.', retryable: true },
  INTERNAL: { status: 500, title: 'The server made a mistake.', retryable: true },
  UNAVAILABLE: { status: 503, title: 'The server cannot answer right now.', retryable: true },
  STORAGE_FULL: { status: 507, title: 'The disk is full: nothing was written.', retryable: true },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;

/** A limit that was exceeded, with both figures. */
export interface ExceededLimit {
  /** `flagBytes`, `metadataEntries`; of a text `characters`, of a list `entries`, of a number `value`. */
  readonly name: string;
  /** What was asked for, in the limit's unit; of what is not read to its end, what had been read by then. */
  readonly current: number;
  readonly maximum: number;
}

/** One fault in the input. */
export interface Issue {
  /** JSONPath of the fault: `$.fallthrough.rollout.weights`. */
  readonly path: string;
  /** The rule that was broken, a stable word: `weights-sum`, `unknown-variation`. */
  readonly rule: string;
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string;
  /** Where a limit is exceeded. */
  readonly limit?: ExceededLimit;
}

/** The body of every error answer, `application/problem+json` (RFC 9457). */
export interface ProblemDocument {
  readonly type: string;
  readonly code: ProblemCode;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly remedy?: string;
  readonly issues?: readonly Issue[];
  /** Where a limit is what `detail` is about. */
  readonly limit?: ExceededLimit;
  /** The request id, as in the server's log. */
  readonly instance?: string;
}
