import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LiveServer } from './live-server.ts';
import { booleanFlag, planFlag, startLive } from './live-server.ts';

const CHROMIUM = process.env['DIMMER_CHROMIUM'] ?? '/usr/bin/chromium';
const hasChromium = existsSync(CHROMIUM) || process.env['CI'] === 'true';
if (!hasChromium) console.warn(`Skipped: ${CHROMIUM} is missing. Name another one in DIMMER_CHROMIUM.`);

let pages: Server;
let server: LiveServer;
let browser: Browser;
let page: Page;
/** Statuses of bulk answers as the page got them. */
const statuses: number[] = [];

beforeAll(async () => {
  if (!hasChromium) return;
  const entry = fileURLToPath(new URL('./chromium-page.ts', import.meta.url));
  const bundled = await build({ entryPoints: [entry], bundle: true, write: false, format: 'iife' });
  const script = bundled.outputFiles[0]?.text ?? '';
  pages = createServer((_, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8').end(`<script>${script}</script>`);
  });
  await once(pages.listen(0, '127.0.0.1'), 'listening');
  const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  server = await startLive({ environment: { DIMMER_CORS_ORIGINS: origin } });
  await server.declare([booleanFlag('a', false), planFlag('plan')]);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  page.on('response', (response) => {
    if (response.url().includes('/evaluate/flags') && response.request().method() === 'POST') {
      statuses.push(response.status());
    }
  });
  await page.goto(origin);
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  pages?.close();
});

test.skipIf(!hasChromium)(
  '[OF8, OF11, OF16] the published web provider follows changes and its context, from another origin',
  { timeout: 240_000 },
  async () => {
    await page.evaluate(({ url, key }) => flags.start(url, key, 'free'), {
      url: server.url,
      key: server.clientKey,
    });
    const value = (key: string): Promise<boolean> => page.evaluate((name) => flags.value(name), key);
    expect([await value('a'), await value('plan')]).toEqual([false, false]);

    await server.patch('a', { fallthrough: { variation: 'on' } });
    await page.waitForFunction(() => flags.value('a'));

    // By default the provider serves what it kept of this user first, and then asks.
    await page.evaluate(() => flags.setPlan('pro'));
    await page.waitForFunction(() => flags.value('plan'));
    await page.evaluate(() => flags.setPlan('free'));
    await page.waitForFunction(() => !flags.value('plan'));

    // The ETag is there to be read: what has not changed is not sent again.
    // The provider asks again when its page is looked at.
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
    await expect.poll(() => statuses.at(-1), { timeout: 40_000 }).toBe(304);
  },
);
