import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ApiKey } from '../access/api-key.ts';
import { hasExpired } from '../access/authenticate.ts';
import type { KeyDirectory } from '../access/key-directory.ts';
import type { Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
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
 * @example await createSecureMode({ isOn: storedSecureMode({ storage, clock, schedule }), keys, clock }).check(environment, context, hash);
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

/**
 * Asks a storage whether environments are in secure mode, and remembers the answer for a second. Where the storage does
 * not answer, or not soon, what was so at last counts: nobody waits for a database that is away (SPEC.md, M7).
 */
export function storedSecureMode(ports: {
  readonly storage: Pick<Storage, 'read'>;
  readonly clock: Clock;
  readonly schedule: Pick<Schedule, 'after'>;
}): SecureMode['isOn'] {
  const { storage, clock, schedule } = ports;
  const remembered = new Map<string, { readonly at: number; readonly isOn: Promise<boolean> }>();
  const lastKnown = new Map<string, boolean>();

  async function ask({ project, environment }: EnvironmentRef, name: string): Promise<boolean> {
    const state = await storage.read(project);
    const isOn = state?.environments.get(environment)?.environment.secureMode ?? false;
    lastKnown.set(name, isOn);
    return isOn;
  }

  return (environment) => {
    const name = `${environment.project}/${environment.environment}`;
    const now = clock.now();
    const known = remembered.get(name);
    if (known !== undefined && Math.abs(now - known.at) < REMEMBERED_MS) return known.isOn;
    const last = lastKnown.get(name);
    const asked = ask(environment, name);
    const isOn = last === undefined ? asked : soonOr(last, asked, schedule);
    remembered.set(name, { at: now, isOn });
    isOn.catch(() => remembered.delete(name));
    return isOn;
  };
}

/** What was asked, or else `last`: where it fails, or takes longer than an evaluation may wait. */
function soonOr(last: boolean, asked: Promise<boolean>, schedule: Pick<Schedule, 'after'>): Promise<boolean> {
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
