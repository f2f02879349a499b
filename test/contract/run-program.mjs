import { register } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Runs a TypeScript program of the tests in a process of its own: `node run-program.mjs <program.ts> ...`.
 * The program exports `main(arguments)`. Its path is one of this machine, or begins at the root of the repository.
 * Sources are loaded as the tests load them, so nothing is built first.
 */
const [program = '', ...programArguments] = process.argv.slice(2);
const root = fileURLToPath(new URL('../..', import.meta.url));
register('./load-sources.mjs', import.meta.url);
process.setSourceMapsEnabled(true);
const path = program.startsWith(root) ? program : join(root, program);
const { main } = await import(pathToFileURL(path).href);
await main(programArguments);
