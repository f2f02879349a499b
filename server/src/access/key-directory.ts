import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../platform/clock.ts';
import type { Storage } from '../storage/storage.ts';
import type { ApiKey } from './api-key.ts';

/**
 * A secret that is unknown is looked for in the database, where another server may have put it: so often at once, and once
 * more in so many milliseconds. Whoever guesses costs no more than that.
 */
const LOOKS_AT_ONCE = 10;
const LOOK_AGAIN_MS = 500;

/** The keys, in memory. */
export interface KeyDirectory {
  /**
   * Finds a key by its secret.
   *
   * @param hash - SHA-256 of the secret, hex.
   * @throws StorageFault where the key is not known and storage does not answer: then nobody can say that it is wrong.
   */
  find(hash: string): Promise<ApiKey | undefined>;
  /**
   * Every key, expired ones among them.
   *
   * @throws StorageFault where no key is known yet and storage does not answer.
   */
  all(): Promise<Iterable<ApiKey>>;
  /**
   * Reads the keys again: what other servers wrote is known from then on.
   *
   * @throws StorageFault where storage does not answer; then what is known stays known.
   */
  refresh(): Promise<void>;
  /**
   * Reads the keys anew at the next request, after some were written here. Where storage does not answer then, what was
   * known stays known, but for the key that was deleted.
   */
  invalidate(deletedId?: string): void;
}

/** A directory of one key that is given, and never changes. */
export function singleKey(key: ApiKey): KeyDirectory {
  return {
    find: (hash) => Promise.resolve(isSameHash(key.hash, hash) ? key : undefined),
    all: () => Promise.resolve([key]),
    refresh: () => Promise.resolve(),
    invalidate: () => {},
  };
}

type Keys = ReadonlyMap<string, ApiKey>;

/** Keeps the keys of a storage in memory; they are read at the first use, and as {@link KeyDirectory} says. */
export function createKeyDirectory(ports: {
  readonly storage: Pick<Storage, 'keys'>;
  readonly clock: Clock;
}): KeyDirectory {
  return new StoredKeys(ports.storage, ports.clock);
}

class StoredKeys implements KeyDirectory {
  readonly #storage: Pick<Storage, 'keys'>;
  readonly #clock: Clock;
  #known: Keys | undefined;
  /** Whether keys were written since what is known was read. */
  #isStale = false;
  #loading: Promise<Keys> | undefined;
  /** Whether the last read has failed: then nobody can say that a key is wrong. */
  #isDoubtful = true;
  #looks = LOOKS_AT_ONCE;
  #lookedAt: number;

  constructor(storage: Pick<Storage, 'keys'>, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
    this.#lookedAt = clock.now();
  }

  async find(hash: string): Promise<ApiKey | undefined> {
    const known = this.#isStale ? undefined : this.#known?.get(hash);
    if (known !== undefined) return isSameHash(known.hash, hash) ? known : undefined;
    const isKnown = this.#known !== undefined && !this.#isStale;
    const isDecided = isKnown && !this.#isDoubtful && !this.#mayLook();
    const key = isDecided ? undefined : (await this.#look((last) => last.has(hash))).get(hash);
    return key !== undefined && isSameHash(key.hash, hash) ? key : undefined;
  }

  async all(): Promise<Iterable<ApiKey>> {
    const known = this.#isStale ? undefined : this.#known;
    return (known ?? (await this.#look(() => true))).values();
  }

  async refresh(): Promise<void> {
    await this.#load();
  }

  invalidate(deletedId?: string): void {
    this.#isStale = true;
    this.#loading = undefined;
    if (deletedId === undefined || this.#known === undefined) return;
    this.#known = new Map([...this.#known].filter(([, { id }]) => id !== deletedId));
  }

  /** Reads the keys. Where they cannot be read, those that were known are as good, if they are `enough`. */
  async #look(enough: (last: Keys) => boolean): Promise<Keys> {
    try {
      return await this.#load();
    } catch (cause) {
      if (this.#known !== undefined && enough(this.#known)) return this.#known;
      throw cause;
    }
  }

  #mayLook(): boolean {
    const now = this.#clock.now();
    // A clock that was set back gives nothing, and takes nothing.
    const gained = Math.max(0, now - this.#lookedAt) / LOOK_AGAIN_MS;
    this.#looks = Math.min(LOOKS_AT_ONCE, this.#looks + gained);
    this.#lookedAt = now;
    if (this.#looks < 1) return false;
    this.#looks -= 1;
    return true;
  }

  /** One read at a time; what began before keys were written here is answered with, and not kept. */
  #load(): Promise<Keys> {
    if (this.#loading !== undefined) return this.#loading;
    const attempt = this.#storage.keys().then((keys) => new Map(keys.map((key) => [key.hash, key])));
    this.#loading = attempt;
    attempt.then(
      (keys) => {
        if (this.#loading !== attempt) return;
        this.#loading = undefined;
        this.#known = keys;
        this.#isStale = false;
        this.#isDoubtful = false;
      },
      () => {
        if (this.#loading !== attempt) return;
        this.#loading = undefined;
        this.#isDoubtful = true;
      },
    );
    return attempt;
  }
}

function isSameHash(left: string, right: string): boolean {
  return timingSafeEqual(Buffer.from(left, 'hex'), Buffer.from(right, 'hex'));
}
