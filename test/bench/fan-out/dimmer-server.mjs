// The whole server: REST, SQLite on disk, delivery; it tells what memory it holds after a garbage collection. Its
// log is off for requests, as in a production that is not being debugged.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, openSqliteStorage, parseSettings, startServer, systemClock } from '@dimmer/server';

const directory = mkdtempSync(join(tmpdir(), 'dimmer-fan-out-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

// All streams are opened with one key, as fast as they can be.
const { settings } = parseSettings({
  ...process.env,
  DIMMER_PORT: '0',
  DIMMER_STREAMS_MAX: '100000',
  DIMMER_STREAMS_PER_KEY_MAX: '100000',
  DIMMER_STREAMS_PER_SECOND_MAX: '100000',
});
const storage = await openSqliteStorage({ path: join(directory, 'dimmer.db'), clock: systemClock });
storage.onCommit((_environment, revision) => {
  process.send({ type: 'sent', revision, startedAt: Number(process.hrtime.bigint()) });
});
const log = createLog('warn', process.stderr);
const server = await startServer({ settings, storage, log, version: 'bench' });
process.send({ type: 'listening', port: server.port });

process.on('message', ({ type }) => {
  if (type === 'close') process.exit(0);
  if (type === 'memory') {
    globalThis.gc();
    const { rss, heapUsed } = process.memoryUsage();
    process.send({ type: 'memory', rss, heapUsed });
  }
});

process.on('disconnect', () => process.exit(0));
