import type { EnvironmentKeys } from '@dimmer/schema/rest';
import type { ApiKey } from '../access/api-key.ts';
import { hashOf } from '../access/secret.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Repetition } from '../platform/repeat.ts';
import { repeat } from '../platform/repeat.ts';
import type { Schedule } from '../platform/schedule.ts';
import { StorageFault } from '../storage/storage.ts';
import type { AskKeys, KeysAnswer } from './upstream-keys.ts';

/** How often the upstream is asked for its keys, in milliseconds: a key that is deleted there is refused soon after. */
export const KEYS_EVERY_MS = 2_000;

/** Least time between two questions, in milliseconds, however many unknown keys are tried. */
const KEYS_GAP_MS = 250;

export interface KeyListPorts {
  readonly ask: AskKeys;
  /** The key of the relay itself. */
  readonly ownKey: string;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Log;
  /** Told of keys that the upstream answered with and that are others than before. */
  readonly onKeys: (keys: EnvironmentKeys) => void;
}

/** The keys of one environment, as the upstream told them last. */
export class KeyList {
  readonly #ports: KeyListPorts;
  readonly #ownFingerprint: string;
  #keys: EnvironmentKeys | undefined;
  #etag: string | null = null;
  #byFingerprint: ReadonlyMap<string, ApiKey> = new Map();
  #signers: readonly ApiKey[] = [];
  #last: KeysAnswer['outcome'] | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #polling: Repetition | undefined;

  constructor(ports: KeyListPorts) {
    this.#ports = ports;
    this.#ownFingerprint = hashOf(hashOf(ports.ownKey));
  }

  /** Begins with what an earlier run knew, if anything, and asks from now on. */
  start(cached: EnvironmentKeys | undefined): void {
    if (cached !== undefined) this.#take(cached);
    const onFailure = (err: unknown): void => this.#ports.log.error({ err }, 'the keys were not asked for');
    void this.#ask();
    this.#polling = repeat(this.#ports.schedule, KEYS_EVERY_MS, { run: () => this.#ask(), onFailure });
  }

  async stop(): Promise<void> {
    await this.#polling?.stop();
  }

  /** What the upstream said; `undefined`: it never was reached. */
  get keys(): EnvironmentKeys | undefined {
    return this.#keys;
  }

  /** Whose keys they are. */
  get environment(): EnvironmentRef | undefined {
    return this.#keys && { project: this.#keys.project, environment: this.#keys.environment };
  }

  /** Whether the upstream has answered the last time that it was asked. */
  get isFresh(): boolean {
    return this.#last === 'keys' || this.#last === 'unchanged';
  }

  /** @param fingerprint - See `EnvironmentKeys`. */
  find(fingerprint: string): ApiKey | undefined {
    return this.#byFingerprint.get(fingerprint);
  }

  /** Whether the upstream has refused this very key: the relay's own, which its SDKs may be using as well. */
  refuses(fingerprint: string): boolean {
    return this.#last === 'refused' && fingerprint === this.#ownFingerprint;
  }

  all(): Iterable<ApiKey> {
    return this.#byFingerprint.values();
  }

  /** Server keys with the hash that signs contexts, where there is such a thing. */
  signers(): readonly ApiKey[] {
    return this.#signers;
  }

  /**
   * Asks the upstream, in a question that begins after this call.
   *
   * @throws StorageFault where it does not answer: then nobody can say that a key is wrong.
   */
  async renew(): Promise<void> {
    if (this.#last === 'failed' || this.#last === 'refused') throw unanswered();
    await this.#ask();
    if (!this.isFresh) throw unanswered();
  }

  /** Joins the question that comes next. */
  #ask(): Promise<void> {
    this.#next ??= this.#whenAllowed().then(() => {
      this.#next = undefined;
      this.#running = this.#askOnce();
      return this.#running;
    });
    return this.#next;
  }

  async #whenAllowed(): Promise<void> {
    await this.#running;
    const waitMs = this.#askedAt + KEYS_GAP_MS - this.#ports.clock.now();
    // A clock that was set back must not hold it up.
    if (waitMs <= 0 || waitMs > KEYS_GAP_MS) return;
    await new Promise<void>((resolve) => this.#ports.schedule.after(waitMs, resolve));
  }

  async #askOnce(): Promise<void> {
    this.#askedAt = this.#ports.clock.now();
    const answer = await this.#ports.ask(this.#etag);
    this.#tell(answer);
    this.#last = answer.outcome;
    if (answer.outcome === 'refused') this.#index();
    if (answer.outcome !== 'keys') return;
    this.#etag = answer.etag;
    this.#take(answer.keys);
    this.#ports.onKeys(answer.keys);
  }

  #take(keys: EnvironmentKeys): void {
    this.#keys = keys;
    this.#index();
  }

  #index(): void {
    const keys = (this.#keys?.keys ?? []).filter(
      ({ kind, fingerprint }) => KINDS.has(kind) && !this.refuses(fingerprint),
    );
    this.#byFingerprint = new Map(keys.map((key) => [key.fingerprint, this.#keyWith(key, key.fingerprint)]));
    this.#signers = keys.flatMap((key) => (key.signer === undefined ? [] : [this.#keyWith(key, key.signer)]));
  }

  #keyWith({ id, kind, expiresAt }: EnvironmentKeys['keys'][number], hash: string): ApiKey {
    const { project = null, environment = null } = this.environment ?? {};
    return {
      id,
      kind: kind === 'server' ? 'server' : 'client',
      name: id,
      hint: '',
      hash,
      role: null,
      project,
      environment,
      createdAt: UNTOLD,
      expiresAt,
    };
  }

  #tell(answer: KeysAnswer): void {
    if (answer.outcome === this.#last) return;
    const { log } = this.#ports;
    const where = this.environment ?? {};
    if (answer.outcome === 'refused')
      log.error({ ...where, problem: answer.message }, 'the upstream refuses the key of the relay');
    if (answer.outcome === 'failed')
      log.warn(
        { ...where, problem: answer.message },
        'the upstream does not tell its keys; known ones go on',
      );
  }
}

/** Kinds of key that this build lets in. */
const KINDS: ReadonlySet<string> = new Set(['server', 'client']);

/** A relay is not told when keys were made, and nothing that it does depends on it. */
const UNTOLD = '1970-01-01T00:00:00.000Z';

function unanswered(): StorageFault {
  return new StorageFault('unavailable', 'The upstream does not say which keys there are.');
}
