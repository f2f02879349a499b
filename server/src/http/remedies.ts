import type { ProblemCode } from '@dimmer/schema';

/** What a caller can do about each kind of problem, where the rejection itself does not say. */
export const REMEDIES: Readonly<Record<ProblemCode, string>> = {
  INVALID_JSON: 'Send one JSON document in UTF-8.',
  INVALID_REQUEST: 'Correct what `issues` lists; /openapi.json describes every request.',
  BAD_CONTEXT:
    'Send the context as one flat or lightly nested JSON object; `detail` says what is in the way.',
  UNAUTHENTICATED: 'Send `Authorization: Bearer <key>` with a key that this server knows.',
  FORBIDDEN: 'Use a key with the role and project that this route needs.',
  WRONG_KEY_KIND: 'Use the kind of key that `detail` names.',
  SECURE_MODE_HASH:
    'Send as `hash` what `secureHash(context)` of a server SDK gives for exactly this context.',
  METHOD_NOT_ALLOWED: 'Use one of the methods that `Allow` names.',
  ROUTE_NOT_FOUND: 'Check method and path against /openapi.json.',
  PROJECT_NOT_FOUND: 'List the projects with GET /api/v1/projects.',
  ENVIRONMENT_NOT_FOUND: 'List the environments with GET /api/v1/projects/{project}/environments.',
  FLAG_NOT_FOUND: 'List the flags with GET /api/v1/projects/{project}/flags.',
  CONFIGURATION_NOT_FOUND: 'Create it with PUT and `If-None-Match: *`.',
  SEGMENT_NOT_FOUND: 'List the segments of the environment.',
  KEY_NOT_FOUND: 'List the keys to find the id.',
  REVISION_NOT_FOUND: 'Choose a revision or time inside the kept history.',
  KEY_EXISTS: 'Choose another key; keys are compared without regard to case.',
  FLAG_ARCHIVED: 'Bring the flag back with PATCH {"archived": false}, or use another key.',
  IN_USE: 'Change what depends on it first.',
  REQUEST_IN_FLIGHT: 'Wait a moment and repeat the request unchanged.',
  PRECONDITION_FAILED: 'Read it again, apply the edit to what you find, and send the new ETag in If-Match.',
  BODY_TOO_LARGE: 'Send less in one request.',
  UNSUPPORTED_MEDIA_TYPE: 'Send `Content-Type: application/json`, without Content-Encoding.',
  RULE_VIOLATED: 'Correct what `issues` lists.',
  LIMIT_EXCEEDED: 'Stay below the maximum that `limit` names.',
  IDEMPOTENCY_KEY_REUSED: 'Use a new Idempotency-Key for every new request.',
  PRECONDITION_REQUIRED: 'Send If-Match with the ETag of a GET, or `If-None-Match: *` to create.',
  RATE_LIMITED: 'Repeat the request after the time in Retry-After.',
  REPORTS_SHED: 'Keep the report, and send it after the time in Retry-After.',
  INTERNAL: 'Try again; report the request id in `instance` if it stays.',
  UNAVAILABLE: 'Try again after the time in Retry-After.',
  STORAGE_FULL: 'Free space on the disk of the database, then repeat the request.',
};
