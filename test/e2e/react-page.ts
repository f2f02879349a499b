import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildOptions } from 'esbuild';
import { build } from 'esbuild';
import type { PageProps } from '../../sdk-browser/src/react/page.fixture.ts';

const SDK = fileURLToPath(new URL('../../sdk-browser/', import.meta.url));
const { resolve } = createRequire(`${SDK}package.json`);

/** The installed packages of each version of React that is promised. */
export const REACTS = {
  18: { react: 'react-18', dom: 'react-dom-18' },
  19: { react: 'react', dom: 'react-dom' },
};

/** The test page with one version of React, and with the SDK as it is published. */
export interface ReactPage {
  /** The document: rendered on the server, or empty, with the script that shows it. */
  readonly document: (props: PageProps, isRendered: boolean) => string;
}

/** @param react - The packages of that version. */
export async function buildReactPage({ react, dom }: (typeof REACTS)[18 | 19]): Promise<ReactPage> {
  const bundle = async (contents: string, options: BuildOptions): Promise<string> => {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: `${SDK}src/react`, loader: 'ts' },
      bundle: true,
      write: false,
      target: 'es2022',
      define: { 'process.env.NODE_ENV': '"development"' },
      logLevel: 'error',
      alias: {
        react: dirname(resolve(`${react}/package.json`)),
        'react-dom': dirname(resolve(`${dom}/package.json`)),
        '@dimmer/browser': `${SDK}dist/index.mjs`,
        '@dimmer/browser/react': `${SDK}dist/react.mjs`,
      },
      ...options,
    });
    return outputFiles?.[0]?.text ?? '';
  };
  const [server, browser] = await Promise.all([
    bundle(SERVER, { format: 'cjs', platform: 'node' }),
    bundle(BROWSER, { format: 'iife', external: ['./tabs-*', './later-*'] }),
  ]);
  const { render } = moduleOf(server);
  return {
    document: (props, isRendered) => `<!doctype html><title>page</title>
<div id="root">${isRendered ? render(props) : ''}</div>
<script>globalThis.props = ${JSON.stringify(props)}; globalThis.isRendered = ${isRendered};</script>
<script>${browser.replaceAll('</script', '<\\/script')}</script>`,
  };
}

const SERVER = `
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { Page } from './page.fixture.ts';
module.exports = { render: (props) => renderToString(createElement(Page, props)) };
`;

const BROWSER = `
import { createElement } from 'react';
import { createRoot, hydrateRoot } from 'react-dom/client';
import { globals, Page } from './page.fixture.ts';
globalThis.page = globals;
const root = document.getElementById('root');
globalThis.texts = [];
const note = () => {
  const text = document.getElementById('theme')?.textContent;
  if (text !== undefined && text !== texts.at(-1)) texts.push(text);
};
note();
new MutationObserver(note).observe(root, { subtree: true, childList: true, characterData: true });
const page = createElement(Page, props);
const onRecoverableError = (error) => console.error('recovered: ' + error.message);
if (isRendered) hydrateRoot(root, page, { onRecoverableError });
else createRoot(root, { onRecoverableError }).render(page);
`;

function moduleOf(code: string): { readonly render: (props: PageProps) => string } {
  const module = { exports: {} };
  new Function('module', 'exports', 'require', code)(module, module.exports, createRequire(import.meta.url));
  return module.exports as { readonly render: (props: PageProps) => string };
}
