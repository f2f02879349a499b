import { defineConfig } from 'tsdown';

/** The published package: workspace packages are part of it, npm packages are its dependencies. */
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    testing: 'src/testing/index.ts',
    openfeature: 'src/openfeature/index.ts',
  },
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'node20.19',
  outDir: 'dist',
  sourcemap: false,
  logLevel: 'error',
  dts: { sourcemap: false },
  deps: { alwaysBundle: [/^@dimmer\//] },
});
