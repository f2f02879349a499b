import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';

/** Hooks of Node's loader: packages of the workspace are their sources, and TypeScript is taken off as a file is loaded. */

/** Packages that lie in a folder of another name. */
const FOLDERS = { node: 'sdk-node', browser: 'sdk-browser' };

export function resolve(specifier, context, next) {
  const [, name, entry = ''] = /^@dimmer\/(\w+)(\/\w+)?$/.exec(specifier) ?? [];
  if (name === undefined) return next(specifier, context);
  const source = new URL(`../../${FOLDERS[name] ?? name}/src${entry}/index.ts`, import.meta.url);
  return { url: source.href, shortCircuit: true };
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const sourcefile = fileURLToPath(url);
  const options = { sourcefile, loader: 'ts', format: 'esm', target: 'node20', sourcemap: 'inline' };
  const { code } = await transform(await readFile(sourcefile, 'utf8'), options);
  return { format: 'module', source: code, shortCircuit: true };
}
