import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ExampleDimmer } from './dimmer.ts';
import { startDimmer } from './dimmer.ts';

const PAGE = new URL('../page/', import.meta.url);
const SDK = new URL('.', import.meta.resolve('@dimmer/browser'));
const TYPES: Readonly<Record<string, string>> = { html: 'text/html', mjs: 'text/javascript' };

const pages = createServer();
await new Promise<void>((resolve) => pages.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
const dimmer = await startDimmer(origin);
pages.on('request', (request, response) => {
  answer(request, response, dimmer).catch((error: unknown) => response.writeHead(500).end(String(error)));
});
console.log(`page: ${origin}/`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    pages.close();
    pages.closeAllConnections();
    void dimmer.close();
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, at: ExampleDimmer): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', origin);
  if (pathname === '/settings') {
    response.end(JSON.stringify({ url: at.url, key: at.clientKey }));
  } else if (pathname === '/rollout' && request.method === 'POST') {
    const percent = Number(await text(request));
    const isShare = Number.isInteger(percent) && percent >= 0 && percent <= 100;
    if (isShare) await at.rollOut(percent);
    response.writeHead(isShare ? 204 : 400).end();
  } else await sendFile(pathname, response);
}

async function sendFile(pathname: string, response: ServerResponse): Promise<void> {
  const [, folder, name] =
    /^\/(sdk\/)?([\w-]+\.(?:html|mjs))$/.exec(pathname === '/' ? '/index.html' : pathname) ?? [];
  const file = name && new URL(name, folder ? SDK : PAGE);
  const content = file && (await readFile(fileURLToPath(file)).catch(() => undefined));
  if (!content) {
    response.writeHead(404).end();
    return;
  }
  response.setHeader('content-type', `${TYPES[name.split('.').at(-1) ?? '']}; charset=utf-8`).end(content);
}
