import { createHash } from 'node:crypto';
import type { ImageRow, ImageTarget } from '../storage/image.ts';
import { lineOf } from './backup-lines.ts';
import type { ImageCheck } from './image-check.ts';
import { createImageCheck } from './image-check.ts';

/** What was to be written cannot be relied on, and was not. */
export class FillRefused extends Error {
  override readonly name = 'FillRefused';
  /** A sentence each. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join(' '));
    this.faults = faults;
  }
}

/**
 * Fills a store, and commits only when every environment serves exactly what its change log says, and what was written
 * reads back byte by byte as it was given.
 *
 * @returns What was looked at on the way.
 * @throws FillRefused where it does not; nothing was committed.
 */
export async function fillStore(target: ImageTarget, rows: AsyncIterable<ImageRow>): Promise<ImageCheck> {
  const check = createImageCheck();
  const given = createHash('sha256');
  await target.fill(observed(rows, check, given), async (written) => {
    const faults = check.faults();
    if (faults.length > 0) throw new FillRefused(faults);
    const readBack = createHash('sha256');
    for await (const row of written) readBack.update(lineOf(row));
    if (readBack.digest('hex') !== given.digest('hex')) {
      throw new FillRefused(['What was written does not read back as it was given.']);
    }
  });
  return check;
}

async function* observed(
  rows: AsyncIterable<ImageRow>,
  check: ImageCheck,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<ImageRow> {
  for await (const row of rows) {
    check.add(row);
    hash.update(lineOf(row));
    yield row;
  }
}
