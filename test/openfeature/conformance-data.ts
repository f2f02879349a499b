import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DEFAULT = fileURLToPath(new URL('../../../shared/conformance', import.meta.url));

/**
 * Where a part of the public conformance data is: below `DIMMER_CONFORMANCE_DIR`, by default `shared/conformance`
 * beside the project. It belongs to others and is not copied into the project.
 *
 * @returns `undefined` where it is absent, and a word about it on the console.
 * @throws where it is absent and `CI` is true: the pipeline goes without nothing.
 * @example conformanceData('ofrep/openapi-0.3.0.yaml')
 */
export function conformanceData(part: string): string | undefined {
  const path = join(process.env['DIMMER_CONFORMANCE_DIR'] ?? DEFAULT, part);
  if (existsSync(path)) return path;
  const remedy = 'Set DIMMER_CONFORMANCE_DIR to the folder that has it.';
  if (process.env['CI'] === 'true') throw new Error(`${path} is missing. ${remedy}`);
  console.warn(`Skipped: ${path} is missing. ${remedy}`);
  return undefined;
}
