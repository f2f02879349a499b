import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ApiKey } from '../access/api-key.ts';
import { hasExpired } from '../access/authenticate.ts';
import type { KeyDirectory } from '../access/key-directory.ts';
import type { Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Storage } from '../storage/storage.ts';
import type { ClientContext } from './client-context.ts';

/** For how long the answer to "is it on?" may be remembered, in milliseconds. */
const REMEMBERED_MS = 1_000;

/** How long an evaluation waits for that answer where it knows an older one, in milliseconds. */
const ASKED_MS_MAX = 250;

/** Decides whether a browser may ask for a context. */
export interface SecureMode {
  /**
   * @param hash - What the browser sent; `undefined`: nothing.
   * @returns The id of the server key that signed the context; `null` where none needs to; SECURE_MODE_HASH where the
   *   environment is in secure mode and no server key of it signed the context.
   * @throws StorageFault where nobody could ever say whether it is.
   */
  check(
    environment: EnvironmentRef,
    context: ClientContext,
    hash: string | undefined,
  ): Promise<Result<string | null>>;
  /**
   * Whether an environment is in secure mode, at most a second ago; while the database is away, whether it was at last.
   *
   * @throws StorageFault where nobody could ever say.
   */
  isOn(environment: EnvironmentRef): Promise<boolean>;
}

/**
 * Secure mode: a browser proves, with an HMAC that its own backend made, that the context is that of its user. What
 * signs is what the database keeps of a server key, so that keys rotate with overlap and no other secret exists.
 *
 * @example await createSecureMode({ isOn: storedSecureMode({ storage, clock, schedule }).isOn, keys, clock }).check(environment, context, hash);
 */
export function createSecureMode(ports: {
  /** Rejects with a StorageFault where nobody can say. */
  readonly isOn: SecureMode['isOn'];
  /** The hash of a server key is what signs. */
  readonly keys: Pick<KeyDirectory, 'all'>;
  readonly clock: Clock;
}): SecureMode {
  const { isOn, keys, clock } = ports;
  return {
    isOn,
    check: async (environment, { canonical }, hash) => {
      if (!(await isOn(environment))) return accepted(null);
      if (hash === undefined) return refused('The environment is in secure mode, and no hash was sent.');
      const given = Buffer.from(/^[\da-f]{64}$/i.test(hash) ? hash : '', 'hex');
      const signer = [...(await keys.all())]
        .filter((key) => signsFor(key, environment, clock.now()))
        .find((key) => isEqual(signatureOf(canonical, key.hash), given));
      return signer ? accepted(signer.id) : refused('The hash is not the one of this context.');
    },
  };
}

/** Whether the environments of a storage are in secure mode. */
export interface StoredSecureMode extends Pick<SecureMode, 'isOn'> {
  /** Learns it of all environments. @throws StorageFault where nobody can say. */
  refresh(): Promise<void>;
  /** Asks anew when it is asked next: the mode of an environment was set here. */
  invalidate(): void;
}

/** By `project/environment`. */
type Modes = ReadonlyMap<string, boolean>;

/**
 * Asks a storage which environments are in secure mode, and remembers the answer for a second. Where the storage does
 * not answer, or not soon, what was so at last counts: nobody waits for a database that is away (SPEC.md, M7).
 */
export function storedSecureMode(ports: {
  readonly storage: Pick<Storage, 'environments'>;
  readonly clock: Clock;
  readonly schedule: Pick<Schedule, 'after'>;
}): StoredSecureMode {
  const { storage, clock, schedule } = ports;
  let remembered: Asked | undefined;
  let last: Modes | undefined;

  async function ask(): Promise<Modes> {
    const standings = await storage.environments();
    last = new Map(standings.map(({ secureMode, ...ref }) => [nameOf(ref), secureMode]));
    return last;
  }

  function askedLately(): Asked {
    if (remembered === undefined || Math.abs(clock.now() - remembered.at) >= REMEMBERED_MS) return askNow();
    return remembered;
  }

  function askNow(): Asked {
    const answer = ask();
    const asked = {
      at: clock.now(),
      answer,
      soon: last === undefined ? answer : soonOr(last, answer, schedule),
    };
    remembered = asked;
    asked.soon.catch(() => {
      if (remembered === asked) remembered = undefined;
    });
    return asked;
  }

  return {
    refresh: async () => {
      await askNow().answer;
    },
    invalidate: () => {
      remembered = undefined;
    },
    isOn: async (environment) => {
      const { answer, soon } = askedLately();
      const known = (await soon).get(nameOf(environment));
      return known ?? (await answer).get(nameOf(environment)) ?? false;
    },
  };
}

interface Asked {
  readonly at: number;
  readonly answer: Promise<Modes>;
  /** The same, or what was so at last. */
  readonly soon: Promise<Modes>;
}

/** What was asked, or else `last`: where it fails, or takes longer than an evaluation may wait. */
function soonOr(last: Modes, asked: Promise<Modes>, schedule: Pick<Schedule, 'after'>): Promise<Modes> {
  return new Promise((resolve) => {
    const cancel = schedule.after(ASKED_MS_MAX, () => resolve(last));
    asked.then(resolve, () => resolve(last)).finally(cancel);
  });
}

/** HMAC-SHA256 of the canonical context, keyed with the hex SHA-256 of a server key's secret. */
function signatureOf(canonical: string, keyHash: string): Buffer {
  return createHmac('sha256', keyHash).update(canonical).digest();
}

function signsFor(key: ApiKey, { project, environment }: EnvironmentRef, now: number): boolean {
  const isHere = key.project === project && key.environment === environment;
  return key.kind === 'server' && isHere && !hasExpired(key, now);
}

function isEqual(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

function refused(detail: string): Result<never> {
  return rejected({ code: 'SECURE_MODE_HASH', detail });
}
