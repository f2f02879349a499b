import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Tests run on the sources of every package, so a failing line is the line in the editor. */
export default defineConfig({
  resolve: {
    alias: [
      { find: '@dimmer/schema/rest', replacement: at('schema/src/rest/index.ts') },
      { find: /^@dimmer\/(schema|evaluator|follower|server)$/, replacement: at('$1/src/index.ts') },
      { find: '@dimmer/node/testing', replacement: at('sdk-node/src/testing/index.ts') },
      { find: '@dimmer/node/openfeature', replacement: at('sdk-node/src/openfeature/index.ts') },
      { find: '@dimmer/browser/react', replacement: at('sdk-browser/src/react/index.ts') },
      { find: '@dimmer/browser/testing', replacement: at('sdk-browser/src/testing/index.ts') },
      { find: '@dimmer/browser/openfeature', replacement: at('sdk-browser/src/openfeature/index.ts') },
      { find: '@dimmer/browser', replacement: at('sdk-browser/src/index.ts') },
      { find: '@dimmer/node', replacement: at('sdk-node/src/index.ts') },
    ],
  },
  test: {
    include: ['*/src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'test/bench/**'],
    // Limits end what hangs. How fast anything is on a machine with other things to do is nobody's promise.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 40_000 } },
    // Files that start servers mostly wait, so two cores have room for two files, where one would be chosen.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Scenarios under faults wait for servers of their own rather than compute.
    maxConcurrency: 8,
  },
});
