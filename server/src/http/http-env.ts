import type { HttpBindings } from '@hono/node-server';

/** What every request carries through the application. */
export interface HttpEnv {
  /** The raw request and response of Node; absent where a test calls `fetch` itself. */
  readonly Bindings: Partial<HttpBindings>;
  readonly Variables: {
    /** Named in the answer, in problems and in the log. */
    requestId: string;
    /** The body as received, once it has been read and found to be acceptable JSON; else empty. */
    bodyText: string;
  };
}
