import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Storage } from '../../server/src/storage/storage.ts';

/**
 * Where a server can be made to fail: before the nth statement of a write that changes a row, or commits, counted from 1;
 * before every `COMMIT` of one; behind it; before a write is answered; between reading a snapshot, or changes, and handing
 * them on.
 */
export type Place = `statement ${number}` | 'commit' | 'committed' | 'reply' | 'snapshot' | 'changes';

/** The process is killed, as by `kill -9`; an error is thrown; or time passes. */
export type Deed = 'kill' | 'throw' | { readonly sleepMs: number };

export type Failpoints = { readonly [place in Place]?: Deed };

export interface FailingStorageOptions {
  readonly open: (onStatement: (sql: string) => void) => Promise<Storage>;
  /** Asked at every place. */
  readonly armed: () => Failpoints;
}

/** Between two of these a transaction is what it was: reading changes nothing. */
const CHANGES = /^(insert|update|delete|with .* update|commit)/is;

/** A storage that fails where it is told to. The server below and above it is the one that is shipped. */
export async function openFailingStorage({ open, armed }: FailingStorageOptions): Promise<Storage> {
  // Servers on PostgreSQL write several things at once: each write counts its own.
  const writes = new AsyncLocalStorage<{ statements: number }>();

  const storage = await open((sql) => {
    const current = writes.getStore();
    if (current === undefined || !CHANGES.test(sql)) return;
    current.statements += 1;
    passNow(armed(), `statement ${current.statements}`);
    if (sql.toLowerCase() === 'commit') passNow(armed(), 'commit');
  });
  // The first to listen is the first to hear: nobody else knows of the commit yet.
  storage.onCommit(() => passNow(armed(), 'committed'));

  const failing: Pick<Storage, 'transact' | 'snapshot' | 'changesAfter'> = {
    async transact(request) {
      const outcome = await writes.run({ statements: 0 }, () => storage.transact(request));
      await pass(armed(), 'reply');
      return outcome;
    },
    async snapshot(environment) {
      const snapshot = await storage.snapshot(environment);
      await pass(armed(), 'snapshot');
      return snapshot;
    },
    async changesAfter(...asked) {
      const changes = await storage.changesAfter(...asked);
      await pass(armed(), 'changes');
      return changes;
    },
  };
  return new Proxy(storage, {
    get(target, name) {
      const member: unknown = Reflect.get(failing, name) ?? Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

async function pass(armed: Failpoints, place: Place): Promise<void> {
  const deed = armed[place];
  if (typeof deed === 'object') await sleep(deed.sleepMs);
  else failBy(deed, place);
}

/** Amid synchronous work time passes as on a slow disk: nothing else happens meanwhile. */
function passNow(armed: Failpoints, place: Place): void {
  const deed = armed[place];
  if (typeof deed === 'object') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, deed.sleepMs);
  else failBy(deed, place);
}

function failBy(deed: 'kill' | 'throw' | undefined, place: Place): void {
  if (deed === 'kill') process.kill(process.pid, 'SIGKILL');
  if (deed === 'throw') throw new Error(`failpoint: ${place}`);
}
