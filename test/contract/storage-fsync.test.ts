import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const RUN_PROGRAM = fileURLToPath(new URL('./run-program.mjs', import.meta.url));
const STORAGE_PROCESS = fileURLToPath(new URL('./storage-process.ts', import.meta.url));
const COMMITS = 100;
const LIMIT_MS = 120_000;

const isTraced = spawnSync('strace', ['-e', 'trace=none', 'true']).status === 0;

test.skipIf(!isTraced)(
  '[S30] each of 100 commits is forced to the disk before it is acknowledged, on a new and an existing file (needs strace)',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dimmer-fsync-'));
    try {
      for (const which of ['new', 'existing']) {
        const forced = await forcedBeforeEach(folder, which);
        expect(forced, which).toHaveLength(COMMITS);
        expect(Math.min(...forced), which).toBeGreaterThanOrEqual(1);
        if (process.env['DIMMER_TEST_PRINT'] === '1')
          console.info(
            `${which} file: ${forced.reduce((sum, count) => sum + count, 0)} fsyncs, ${COMMITS} commits`,
          );
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  LIMIT_MS,
);

/** How often the process forced something to the disk before each acknowledgement, since the one before. */
async function forcedBeforeEach(folder: string, which: string): Promise<number[]> {
  const trace = join(folder, `${which}.trace`);
  const program = [
    process.execPath,
    RUN_PROGRAM,
    STORAGE_PROCESS,
    join(folder, 'dimmer.db'),
    String(COMMITS),
  ];
  const calls = 'trace=fsync,fdatasync,write';
  await promisify(execFile)('strace', ['-f', '-s', '16', '-e', calls, '-o', trace, ...program]);
  const forced: number[] = [];
  let count = 0;
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    if (/\b(fsync|fdatasync)\(/.test(line)) count += 1;
    if (!line.includes('write(1, "{\\"revision\\"')) continue;
    forced.push(count);
    count = 0;
  }
  return forced;
}
