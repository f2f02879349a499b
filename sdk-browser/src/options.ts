import type { EvaluationContext, ValueSnapshot } from '@dimmer/schema';
import type { DimmerLogger } from './flags.ts';

/** Who is asking. With `anonymous: true` and no targeting key, a random one is made and kept in this browser. */
export type DimmerContext = EvaluationContext & { readonly anonymous?: boolean };

/** What is kept in the browser: `localStorage` fits. Every call may throw. */
export interface StoragePort {
  readonly getItem: (name: string) => string | null;
  readonly setItem: (name: string, text: string) => void;
}

/** Values that came with the page: an answer of `POST /client/v1/evaluate`. */
export type DimmerBootstrap = ValueSnapshot & {
  /** What `contextHash` makes of the context that was evaluated. For another context, the bootstrap is not used. */
  readonly contextHash?: string | undefined;
};

/** How a Dimmer is set up. `url`, `key` and `context` are required. */
export interface DimmerOptions {
  /** Where the Dimmer server is: `https://flags.example.com`, or a path of this page's own origin. */
  readonly url: string | URL;
  /** A client key, `dim_cli_...`. Any other key is a secret: it is refused here and never sent. */
  readonly key: string;
  readonly context: DimmerContext;
  /** For environments in secure mode: `secureHash(context)` of the Node SDK. */
  readonly hash?: string;
  /** First paint of a page that was rendered on a server. What this browser has kept is used where it is newer. */
  readonly bootstrap?: DimmerBootstrap | undefined;
  /** What runs here; told to the server with reports. */
  readonly application?: { readonly name?: string; readonly build?: string };
  /** Keeps the last values of the last 5 contexts, for the first paint. On by default, in `localStorage`. */
  readonly persistence?: boolean | StoragePort;
  /** `false`: values are polled every 30 s, and no stream is held. */
  readonly streaming?: boolean;
  /** `false`: every tab holds a stream of its own. */
  readonly shareTabs?: boolean;
  /** `false`: the server is not told what was served. */
  readonly reports?: boolean;
  /** `console` by default, and only for what a person has to mend. */
  readonly logger?: DimmerLogger;
}
