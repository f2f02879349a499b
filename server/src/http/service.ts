import type { Fetch, Quick } from '../platform/listen.ts';

/** What answers requests, without its socket: a server or a relay. */
export interface Service {
  readonly fetch: Fetch;
  /** What it answers without a web framework, for a server with a socket. */
  readonly quick: Quick;
  /** `/readyz` says 503 from now on. All else goes on. */
  unready(): void;
  /** Ends streams one by one over `spreadMs`, then does what `close` does. */
  drain(spreadMs: number): Promise<void>;
  /** Ends streams and periodic work. */
  close(): Promise<void>;
}
