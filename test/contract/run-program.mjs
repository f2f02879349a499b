import { fileURLToPath } from 'node:url';
import { createViteServer } from 'vitest/node';

/**
 * Runs a TypeScript program of the tests in a process of its own: `node run-program.mjs <program.ts> ...`.
 * The program exports `main(arguments)`. Sources are loaded as the tests load them, so nothing is built first.
 */
const [program, ...programArguments] = process.argv.slice(2);
const root = fileURLToPath(new URL('../..', import.meta.url));
const loader = await createViteServer({
  root,
  configFile: `${root}/vitest.config.ts`,
  logLevel: 'error',
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true, include: [] },
});
const { main } = await loader.ssrLoadModule(program);
await main(programArguments);
