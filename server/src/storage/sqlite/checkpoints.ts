import type { Database } from './database.ts';

/**
 * Copies the write-ahead log into the database from time to time, so that a quiet server does not keep a
 * long one. Passive: it waits for nobody, and what readers still need is left for the next time.
 *
 * @param onError - Hears of checkpoints that fail, on a full disk for example. The log keeps what they did not copy.
 * @returns A function that ends it.
 */
export function startCheckpoints(
  database: Database,
  intervalMs: number,
  onError: (error: unknown) => void,
): () => void {
  const timer = setInterval(() => {
    try {
      database.$client.pragma('wal_checkpoint(PASSIVE)');
    } catch (error) {
      onError(error);
    }
  }, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Empties the write-ahead log: the file alone is then the whole database. */
export function checkpointAll(database: Database): void {
  database.$client.pragma('wal_checkpoint(TRUNCATE)');
}
