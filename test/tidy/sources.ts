import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** The packages, each with those that it may import. */
export const PACKAGES: { readonly [name: string]: readonly string[] } = {
  schema: [],
  evaluator: ['schema'],
  follower: ['schema'],
  'sdk-node': ['schema', 'evaluator', 'follower'],
  'sdk-browser': ['schema', 'follower'],
  server: ['schema', 'evaluator', 'follower'],
};

const BUILT = /(^|\/)(node_modules|dist|build|coverage|data|\.git)(\/|$)/;

/** A file of the repository: its path from the root, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Every TypeScript file in the packages' `src` folders, tests included. */
export function packageFiles(): SourceFile[] {
  return Object.keys(PACKAGES).flatMap((name) => filesUnder(`${name}/src`, '.ts'));
}

/** The same without tests and arbitraries: what is published or deployed. */
export function productFiles(): SourceFile[] {
  return packageFiles().filter(({ path }) => !/\.(test|test-d|arbitrary|fixture)\.ts$/.test(path));
}

/** Files with an extension in a folder and those below it, without what is built or installed. */
export function filesUnder(folder: string, extension: string): SourceFile[] {
  return pathsUnder(folder)
    .filter((path) => path.endsWith(extension))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

function pathsUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '.' ? entry.name : `${folder}/${entry.name}`;
    if (BUILT.test(path)) return [];
    return entry.isDirectory() ? pathsUnder(path) : [path];
  });
}
