import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHROMIUM, launch } from '../e2e/browser.ts';
import type { LiveServer } from './live-server.ts';
import { booleanFlag, planFlag, startLive } from './live-server.ts';

let pages: Server;
let server: LiveServer;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  if (CHROMIUM === undefined) return;
  const entry = fileURLToPath(new URL('./react-page.tsx', import.meta.url));
  const bundled = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  const script = bundled.outputFiles[0]?.text ?? '';
  pages = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', `text/${isScript ? 'javascript' : 'html'}; charset=utf-8`);
    response.end(isScript ? script : '<!doctype html><body></body><script src="/page.js"></script>');
  });
  await once(pages.listen(0, '127.0.0.1'), 'listening');
  const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  server = await startLive({ environment: { DIMMER_CORS_ORIGINS: origin } });
  await server.declare([booleanFlag('a', false), planFlag('plan')]);
  browser = await launch();
  page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(origin);
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  pages?.close();
});

test.skipIf(CHROMIUM === undefined)(
  '[B91, B92] hooks of @openfeature/react-sdk render again after a change, and for another context',
  async () => {
    const shows = (flag: string, text: string): Promise<unknown> =>
      page.locator(`#${flag}`, { hasText: text }).waitFor({ timeout: 40_000 });
    await page.evaluate(({ url, key }) => globalThis.page.start(url, key), {
      url: server.url,
      key: server.clientKey,
    });
    await shows('a', 'false STATIC');
    await shows('plan', 'false DEFAULT');
    await server.patch('a', { fallthrough: { variation: 'on' } });
    await shows('a', 'true STATIC');
    await page.evaluate(() => globalThis.page.setPlan('pro'));
    await shows('plan', 'true TARGETING_MATCH');
    expect(await page.locator('#a').textContent()).toBe('true STATIC');
  },
);
