import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryImageRow } from '../storage/image.arbitrary.ts';
import type { ImageRow } from '../storage/image.ts';
import { BackupDamage } from './backup-damage.ts';
import { headerOf } from './backup-header.ts';
import { readLines, writeLines } from './backup-lines.ts';

const HEADER = headerOf({ takenAt: '2026-11-28T04:00:00.000Z', adapter: 'sqlite', dimmer: '0.1.0' });

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function written(rows: readonly ImageRow[], header = HEADER): Promise<Buffer> {
  return Buffer.from((await all(writeLines(header, each(rows)))).join(''));
}

/** Reads bytes that come in parts of some size. */
function read(bytes: Uint8Array, size = 1000): Promise<ImageRow[]> {
  const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, part) =>
    bytes.subarray(part * size, (part + 1) * size),
  );
  return all(readLines(each(parts)));
}

async function faultOf(bytes: Uint8Array): Promise<string> {
  const outcome = await read(bytes).catch((cause: unknown) => cause);
  if (!(outcome instanceof BackupDamage)) throw new Error('it was read as a whole backup');
  return outcome.message;
}

describe('the lines of a backup', () => {
  test('[MV21] what is written is read, whatever the rows hold and however the bytes come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbitraryImageRow, { maxLength: 20 }),
        fc.integer({ min: 1, max: 300 }),
        async (rows, size) => {
          expect(await read(await written(rows), size)).toEqual(rows);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('[MV22] any byte that is another one is noticed (DUR-5)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbitraryImageRow, { maxLength: 8 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (rows, place, flip) => {
          const bytes = await written(rows);
          const index = place % bytes.length;
          bytes[index] = (bytes[index] ?? 0) ^ flip;
          expect(await faultOf(bytes)).not.toBe('');
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('[MV22] a file that is cut off anywhere is noticed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryImageRow, { maxLength: 8 }), fc.nat(), async (rows, place) => {
        const bytes = await written(rows);
        expect(await faultOf(bytes.subarray(0, place % bytes.length))).not.toBe('');
      }),
      { numRuns: 300 },
    );
  });

  test('[MV22] the newline of the last line is one of its bytes', async () => {
    const bytes = await written([]);
    const text = bytes.subarray(0, -1);
    for (const end of ['', ' ', '\t', '\r'])
      expect(await faultOf(Buffer.concat([text, Buffer.from(end)]))).toContain('has no end');
  });

  test('[MV22] the fault is named: lines that are missing, of another version, or behind the end', async () => {
    const row = '["replies",["k1","a","f","{}",1]]';
    const bytes = await written([]);
    const [first, last] = bytes.toString().split('\n');
    const text = (...lines: readonly (string | undefined)[]) => Buffer.from(`${lines.join('\n')}\n`);
    expect(await faultOf(text(first, row, last))).toContain('checksum');
    expect(await faultOf(text(first))).toContain('ends early, after 1 lines');
    expect(await faultOf(text(first, last, row))).toContain('behind its end, at line 3');
    expect(await faultOf(text(first, '["replies",["k1","a","f",null,1]]'))).toContain(
      'reply is null where text',
    );
    expect(await faultOf(text(first, '["nothing",[]]'))).toContain('line 2 is no row');
    expect(await faultOf(text('{"format":"zip"}'))).toContain('does not begin');
    expect(await faultOf(await written([], { ...HEADER, version: 2 }))).toContain('form 2');
    const columns = { ...HEADER.columns, flags: ['project', 'key', 'document', 'colour'] };
    await expect(read(await written([], { ...HEADER, columns }))).rejects.toMatchObject({
      message: 'has another table flags than this version',
      dimmer: '0.1.0',
    });
    const { exposures: _, ...before } = HEADER.columns;
    expect(await read(await written([], { ...HEADER, columns: before }))).toEqual([]);
  });
});
