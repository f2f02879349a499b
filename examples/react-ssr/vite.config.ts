import { defineConfig } from 'vite';

/** The page; the server is compiled by tsc. */
export default defineConfig({ build: { outDir: 'dist/page' }, logLevel: 'error' });
