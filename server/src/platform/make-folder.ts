import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it; one that is there is fine. Node's own `recursive` is no help: where a file
 * system answers ENOENT for a new folder, as `/proc` does, it tries for ever.
 *
 * @param mode - Who may do what with a folder that is made. Default: as the process makes folders.
 * @throws The error of the system, where a folder cannot be made.
 */
export function makeFolder(path: string, mode?: number): void {
  const above = dirname(path);
  if (!existsSync(above)) makeFolder(above, mode);
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}
