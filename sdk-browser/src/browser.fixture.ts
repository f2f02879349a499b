import type { Clock } from '@dimmer/follower';
import type { StoragePort } from './options.ts';
import type { ChannelPort, LocksPort, PageEvent, Platform } from './platform.ts';
// Loaded now, so that a later import() of it takes no time that a clock of tests does not know.
import './tabs.ts';
import './later.ts';

/** A clock that moves only when a test moves it. */
class TestClock implements Clock {
  time = 0;
  readonly #timers = new Set<{ readonly at: number; readonly call: () => void }>();

  readonly now = (): number => this.time;

  readonly after = (delayMs: number, call: () => void): (() => void) => {
    const timer = { at: this.time + delayMs, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass; whatever becomes due happens in its order, with all that follows from it. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].sort((left, right) => left.at - right.at);
      if (next === undefined || next.at > end) break;
      this.time = Math.max(this.time, next.at);
      this.#timers.delete(next);
      next.call();
      await settle();
    }
    this.time = end;
  }
}

/** Lets promises and streams come to rest. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** What the tabs of one browser have in common. */
export class TestBrowser {
  readonly clock = new TestClock();
  readonly stored = new Map<string, string>();
  readonly storage: StoragePort = {
    getItem: (name) => this.stored.get(name) ?? null,
    setItem: (name, text) => this.stored.set(name, text),
  };
  /** What tabs have said to each other. */
  readonly said: unknown[] = [];
  readonly #locks = new Map<string, (() => void)[]>();
  readonly #channels = new Set<TestChannel>();
  #ids = 0;

  /** A tab, with a page of its own. */
  tab(fetch: typeof globalThis.fetch): TestTab {
    return new TestTab(this, fetch);
  }

  newId(): string {
    this.#ids += 1;
    return `id-${this.#ids}`;
  }

  channel(name: string): ChannelPort {
    const channel = new TestChannel(name, this.#channels, this.said);
    this.#channels.add(channel);
    return channel;
  }

  /** Locks of one tab: first come, first served. */
  locks(): LocksPort {
    return {
      request: (name, { signal }, held) =>
        new Promise((resolve, reject) => {
          const queue = this.#locks.get(name) ?? [];
          this.#locks.set(name, queue);
          const take = (): void => {
            void held().then(() => {
              queue.shift();
              queue[0]?.();
              resolve(undefined);
            });
          };
          signal.addEventListener('abort', () => {
            const place = queue.indexOf(take);
            if (place <= 0) return;
            queue.splice(place, 1);
            reject(new DOMException('aborted', 'AbortError'));
          });
          queue.push(take);
          if (queue.length === 1) queueMicrotask(take);
        }),
    };
  }
}

class TestChannel implements ChannelPort {
  onmessage: ((event: MessageEvent) => unknown) | null = null;
  readonly #name: string;
  readonly #all: Set<TestChannel>;
  readonly #said: unknown[];

  constructor(name: string, all: Set<TestChannel>, said: unknown[]) {
    this.#said = said;
    this.#name = name;
    this.#all = all;
  }

  postMessage(message: unknown): void {
    if (!this.#all.has(this)) throw new DOMException('closed', 'InvalidStateError');
    const data = structuredClone(message);
    this.#said.push(data);
    for (const other of this.#all) {
      if (other === this || other.#name !== this.#name) continue;
      // Another task, as in a browser.
      setImmediate(() => {
        if (this.#all.has(other)) other.onmessage?.({ data } as MessageEvent);
      });
    }
  }

  close(): void {
    this.#all.delete(this);
  }
}

/** One page, and its platform. */
export class TestTab {
  isHidden = false;
  readonly platform: Platform;
  readonly warnings: string[] = [];
  readonly #listeners = new Set<{
    readonly name: PageEvent;
    readonly hear: (event: { readonly type: string }) => void;
  }>();

  constructor(browser: TestBrowser, fetch: typeof globalThis.fetch) {
    this.platform = {
      now: browser.clock.now,
      after: browser.clock.after,
      wallNow: () => 1_790_000_000_000 + browser.clock.now(),
      random: () => 0.5,
      newId: () => browser.newId(),
      fetch,
      storage: () => browser.storage,
      logger: { warn: (message) => this.warnings.push(message) },
      isHidden: () => this.isHidden,
      watch: (name, hear) => {
        const listener = { name, hear };
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      locks: () => browser.locks(),
      channel: (name) => browser.channel(name),
    };
  }

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  happen(event: PageEvent): void {
    for (const { name, hear } of [...this.#listeners]) if (name === event) hear({ type: event });
  }

  hide(): void {
    this.isHidden = true;
    this.happen('visibilitychange');
  }

  show(): void {
    this.isHidden = false;
    this.happen('visibilitychange');
  }
}
