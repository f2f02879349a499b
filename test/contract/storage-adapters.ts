import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryStorage } from '../../server/src/storage/memory/memory-storage.ts';
import { openSqliteStorage } from '../../server/src/storage/sqlite/open-sqlite-storage.ts';
import type { FailingStatement, StorageSubject } from './storage-subject.ts';
import { ManualClock } from './storage-subject.ts';

export async function openMemorySubject(): Promise<StorageSubject> {
  const clock = new ManualClock();
  const backgroundErrors: unknown[] = [];
  const storage = new MemoryStorage({ clock, onBackgroundError: (error) => backgroundErrors.push(error) });
  return { storage, clock, backgroundErrors, dispose: () => storage.close() };
}

export async function openSqliteSubject(): Promise<StorageSubject> {
  const folder = mkdtempSync(join(tmpdir(), 'dimmer-storage-'));
  const clock = new ManualClock();
  const backgroundErrors: unknown[] = [];
  const failpoint = new Failpoint();
  const open = () =>
    openSqliteStorage({
      path: join(folder, 'dimmer.db'),
      clock,
      onBackgroundError: (error) => backgroundErrors.push(error),
      onStatement: (sql) => failpoint.pass(sql),
    });
  let storage = await open();
  return {
    get storage() {
      return storage;
    },
    clock,
    backgroundErrors,
    failAtStatement: (n) => failpoint.arm(n),
    reopen: async () => {
      await storage.close();
      storage = await open();
      return storage;
    },
    dispose: async () => {
      await storage.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Throws where the nth write, or the commit after them, would run. The adapter shows it every statement first. */
export class Failpoint {
  #remaining = Number.POSITIVE_INFINITY;

  pass(sql: string): void {
    if (!/^(insert|update|delete|commit)/i.test(sql)) return;
    this.#remaining -= 1;
    if (this.#remaining === 0) throw new Error(`failpoint before: ${sql}`);
  }

  arm(n: number): FailingStatement {
    this.#remaining = n;
    return {
      reached: () => this.#remaining <= 0,
      disarm: () => {
        if (this.#remaining > 0) this.#remaining = Number.POSITIVE_INFINITY;
      },
    };
  }
}
