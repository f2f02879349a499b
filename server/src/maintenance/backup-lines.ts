import { createHash } from 'node:crypto';
import type { ImageRow } from '../storage/image.ts';
import { imageRowOf, valuesOf } from '../storage/image.ts';
import { BackupDamage } from './backup-damage.ts';
import type { BackupHeader } from './backup-header.ts';
import { isImageTable, readHeader, readTrailer } from './backup-header.ts';

/** Text is handed on in parts of about so many characters. */
const PART_CHARACTERS = 65_536;

const NEWLINE = 0x0a;

/**
 * A backup as text: one JSON document a line. The header; rows, each `["flags", [values]]`; the trailer, without which
 * the file is not whole.
 */
export async function* writeLines(
  header: BackupHeader,
  rows: AsyncIterable<ImageRow>,
): AsyncGenerator<string> {
  const hash = createHash('sha256');
  const counts: Record<string, number> = {};
  let part = `${JSON.stringify(header)}\n`;
  for await (const row of rows) {
    counts[row.table] = (counts[row.table] ?? 0) + 1;
    part += lineOf(row);
    if (part.length < PART_CHARACTERS) continue;
    hash.update(part);
    yield part;
    part = '';
  }
  hash.update(part);
  yield `${part}${JSON.stringify({ rows: counts, sha256: hash.digest('hex') })}\n`;
}

/** @example lineOf({ table: 'flags', row }) // '["flags",["shop","checkout-v2","{…}"]]\n' */
export function lineOf(row: ImageRow): string {
  return `${JSON.stringify([row.table, valuesOf(row)])}\n`;
}

/**
 * The rows of a backup. Whoever takes the last of them has read a file that is whole: checksum and counts are compared
 * before it ends.
 *
 * @param onHeader - Is called before the first row.
 * @throws BackupDamage where anything is not as it was written.
 */
export async function* readLines(
  parts: AsyncIterable<Uint8Array>,
  onHeader: (header: BackupHeader) => void = () => {},
): AsyncGenerator<ImageRow> {
  const hash = createHash('sha256');
  const counts: Record<string, number> = {};
  let number = 0;
  let isWhole = false;
  for await (const line of linesIn(parts)) {
    number += 1;
    if (isWhole) throw new BackupDamage(`there is something behind its end, at line ${number}`);
    const value = parsed(line, number);
    if (number === 1) onHeader(readHeader(value));
    else if (Array.isArray(value)) {
      const row = rowIn(value, number);
      counts[row.table] = (counts[row.table] ?? 0) + 1;
      yield row;
    } else {
      assertTrailer(value, number, { rows: counts, sha256: hash.digest('hex') });
      isWhole = true;
      continue;
    }
    hash.update(line).update('\n');
  }
  if (!isWhole)
    throw new BackupDamage(`it ends early, after ${number} lines: it was cut off, or never finished`);
}

/**
 * Lines without their ends. Bytes, because the checksum is over bytes, also over those that are no text.
 *
 * @throws BackupDamage where the last line has no end: of another byte in its place nothing else would tell.
 */
async function* linesIn(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let open: Uint8Array[] = [];
  for await (const part of parts) {
    let start = 0;
    for (let end = part.indexOf(NEWLINE); end !== -1; end = part.indexOf(NEWLINE, start)) {
      open.push(part.subarray(start, end));
      yield Buffer.concat(open);
      open = [];
      start = end + 1;
    }
    if (start < part.length) open.push(part.subarray(start));
  }
  if (open.length > 0) throw new BackupDamage('its last line has no end: it was cut off, or never finished');
}

function parsed(line: Buffer, number: number): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch {
    throw new BackupDamage(`line ${number} is not JSON`);
  }
}

function rowIn([table, values]: readonly unknown[], number: number): ImageRow {
  if (!isImageTable(table) || !Array.isArray(values)) throw new BackupDamage(`line ${number} is no row`);
  const read = imageRowOf(table, values);
  if ('row' in read) return read.row;
  throw new BackupDamage(`line ${number}, a row of ${table}, is not as it must be: ${read.fault}`);
}

function assertTrailer(
  value: unknown,
  number: number,
  found: { readonly rows: Readonly<Record<string, number>>; readonly sha256: string },
): void {
  const told = readTrailer(value);
  if (told === undefined) throw new BackupDamage(`line ${number} is neither a row nor the end`);
  if (told.sha256 !== found.sha256) throw new BackupDamage('its checksum is not that of what it holds');
  const tables = new Set([...Object.keys(told.rows), ...Object.keys(found.rows)]);
  for (const table of tables) {
    const [expected, there] = [told.rows[table] ?? 0, found.rows[table] ?? 0];
    if (expected !== there)
      throw new BackupDamage(`it has ${there} rows of ${table} where ${expected} are told`);
  }
}
