import type { DimmerBootstrap, DimmerClient, DimmerOptions, DimmerStatus } from '@dimmer/browser';
import { Dimmer } from '@dimmer/browser';

/** Whom a value is read from. Another object says that the value became another one, and nothing else does. */
export interface Source {
  readonly client: DimmerClient;
}

/** What the components below one provider read, and what tells them to read again. */
export interface FlagStore {
  /** What a server renders, and what a page shows first: the bootstrap's. Never changes. */
  readonly first: Source;
  readonly firstStatus: DimmerStatus;
  readonly client: () => DimmerClient;
  readonly sourceOf: (key: string) => Source;
  readonly status: () => DimmerStatus;
  /** While there is nothing to show, and somebody wants to wait: resolves when waiting is over. */
  readonly waiting: () => Promise<void> | undefined;
  readonly subscribe: (hear: () => void) => () => void;
  /**
   * Begins to follow: the client that was given, or one made of these options.
   *
   * @returns Ends it, and closes a client that was made here. It may begin again.
   */
  readonly start: (options: DimmerOptions | undefined) => () => void;
}

/** Of `client` and `options`, one is there. */
export interface FlagStoreOptions {
  readonly client: DimmerClient | undefined;
  readonly options: DimmerOptions | undefined;
  readonly bootstrap: DimmerBootstrap | undefined;
  readonly suspense: boolean | undefined;
}

type ServedValues = ReturnType<DimmerClient['flags']>;

/** Starts nothing: a render may be thrown away, and on a server nothing follows it. */
export function flagStore({ client: given, options, bootstrap, suspense }: FlagStoreOptions): FlagStore {
  let client = options || bootstrap ? stillOf(options, bootstrap) : (given as DimmerClient);
  const first: Source = { client };
  const sources = new Map<string, Source>();
  const listeners = new Set<() => void>();
  let known = client.flags();
  let status = client.status();
  // What is still is closed by name, and has not begun in truth.
  if (client !== given) status = { ...status, state: status.source ? 'BOOTSTRAP' : 'INIT' };
  const firstStatus = status;
  let settle: () => void;
  let waiting = suspense
    ? new Promise<void>((resolve) => {
        settle = resolve;
      })
    : undefined;

  const changed = (keys: readonly string[]): void => {
    for (const key of keys) sources.set(key, { client });
    const now = client.status();
    if (now.state !== status.state) status = now;
    for (const hear of listeners) hear();
  };

  return {
    first,
    firstStatus,
    client: () => client,
    sourceOf: (key) => sources.get(key) ?? first,
    status: () => status,
    waiting: () => (client.status().revision === null ? waiting : undefined),
    subscribe(hear) {
      listeners.add(hear);
      return () => listeners.delete(hear);
    },
    start(now) {
      const started = given ?? new Dimmer(now as DimmerOptions);
      client = started;
      const stopChanges = client.onChange(changed);
      const stopStatus = client.onStatus(() => changed([]));
      changed(differingKeys(known, client.flags()));
      void client.ready().then(() => {
        if (client !== started || !waiting) return;
        waiting = undefined;
        settle();
        changed([]);
      });
      return () => {
        stopChanges();
        stopStatus();
        known = client.flags();
        if (!given) client.close();
      };
    },
  };
}

/** Serves the bootstrap and does nothing else: it is closed before it could. */
function stillOf(options: DimmerOptions | undefined, bootstrap: DimmerBootstrap | undefined): DimmerClient {
  const still = new Dimmer({
    url: '',
    key: 'dim_cli_',
    context: {},
    // Whoever hands it over beside a client says that it is of the client's context.
    bootstrap: bootstrap && { ...bootstrap, contextHash: undefined },
    ...options,
    persistence: false,
    streaming: false,
    reports: false,
  });
  still.close();
  return still;
}

function differingKeys(before: ServedValues, after: ServedValues): readonly string[] {
  return Object.keys({ ...before, ...after }).filter((key) => textOf(before[key]) !== textOf(after[key]));
}

/** Tells values apart by what is in them; nothing, for what is no JSON. */
export function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
