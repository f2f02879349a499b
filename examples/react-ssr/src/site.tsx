import { readFile } from 'node:fs/promises';
import type { Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { DimmerOptions } from '@dimmer/browser';
import { contextHash } from '@dimmer/browser';
import type { Dimmer } from '@dimmer/node';
import { renderToString } from 'react-dom/server';
import { Shop } from './shop.tsx';

/** What Vite made of index.html and page.tsx. */
const PAGE = new URL('./page/', import.meta.url);

export interface SiteOptions {
  /** The Dimmer client of this process. */
  readonly flags: Dimmer;
  /** Where pages find Dimmer, and the client key that they ask with. */
  readonly dimmer: Pick<DimmerOptions, 'url' | 'key'>;
}

/** Serves the shop: `/?user=ada` is the page of a visitor, rendered with the values that Dimmer gives this visitor. */
export function createSite({ flags, dimmer }: SiteOptions): Server {
  return createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site');
    const answer = pathname === '/' ? sendPage(searchParams.get('user') ?? 'ada') : sendAsset(pathname);
    answer.catch(() => response.writeHead(404).end());

    async function sendPage(user: string): Promise<void> {
      const template = await readFile(new URL('index.html', PAGE), 'utf8');
      const options = optionsFor(user);
      const html = template
        .replace('<!--content-->', () => renderToString(<Shop options={options} />))
        // Nothing inside may end the script.
        .replace('>null<', () => `>${JSON.stringify(options).replaceAll('<', '\\u003c')}<`);
      send(response, 'text/html', html);
    }

    async function sendAsset(path: string): Promise<void> {
      send(response, 'text/javascript', await readFile(new URL(`.${path}`, PAGE)));
    }
  });

  function optionsFor(user: string): DimmerOptions {
    const context = { targetingKey: user };
    const values = flags.clientBootstrap(context);
    return { ...dimmer, context, bootstrap: values && { ...values, contextHash: contextHash(context) } };
  }
}

function send(response: ServerResponse, type: string, body: string | Buffer): void {
  response.setHeader('content-type', `${type}; charset=utf-8`);
  response.end(body);
}
