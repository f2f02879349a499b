import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { DEFAULT_TIMING } from '@dimmer/follower';
import { afterEach, expect, test, vi } from 'vitest';
import { Dimmer } from './client.ts';
import type { Platform } from './platform.ts';
import { systemPlatform } from './platform.ts';
import { SELF_SIGNED } from './self-signed.fixture.ts';
import { fixedFlag, snapshotDocument, streamServer } from './stream-server.fixture.ts';

const key = `dim_srv_${'a'.repeat(32)}`;
const user = { targetingKey: 'user-1' };
const before = fixedFlag('a', 1, 'before');
const after = fixedFlag('a', 2, 'after');

/** Real time, a small part of the patience. */
const fast: Platform = {
  ...systemPlatform,
  emitWarning: () => undefined,
  timing: {
    ...DEFAULT_TIMING,
    retryBaseMs: 5,
    retryMaxMs: 20,
    pollAfterMinMs: 10,
    pollAfterMaxMs: 20,
    pollIntervalMs: 20,
    pollRetryMaxMs: 40,
  },
};

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const until = (expectation: () => void): Promise<void> =>
  vi.waitFor(expectation, { timeout: 20_000, interval: 5 });

/** Where a server listens from now on. */
async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

async function selfSigned(): Promise<string> {
  return `https://127.0.0.1:${await listening(createTlsServer(SELF_SIGNED))}`;
}

/** Takes the first bytes of a handshake, and hangs up. */
async function hangingUp(): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end());
  });
  return `https://127.0.0.1:${await listening(server)}`;
}

async function withoutTls(): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  return `https://127.0.0.1:${await listening(server)}`;
}

async function nobody(): Promise<string> {
  const server = createTcpServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

test.each([
  [
    'a name that is not found',
    async () => 'http://flags.invalid',
    /ENOTFOUND|EAI_AGAIN/,
    /flags\.invalid.*host name in `url`/,
  ],
  [
    'a certificate that is not trusted',
    selfSigned,
    /DEPTH_ZERO_SELF_SIGNED_CERT/,
    /self-signed.*NODE_EXTRA_CA_CERTS/,
  ],
  [
    'a port that hangs up amid the handshake',
    hangingUp,
    /ECONNRESET/,
    /disconnected before secure TLS connection.*speaks TLS/,
  ],
  ['a port that speaks no TLS', withoutTls, /ERR_SSL_/, /: [a-z ]+ \(ERR_SSL_.*speaks TLS/],
  ['a port where nobody listens', nobody, /ECONNREFUSED/, /host and port in `url`/],
])(
  '[N56] %s keeps the values, is told with its code and what to do, and is tried until it is mended (SDK-4)',
  async (_, way, code, told) => {
    const good = await streamServer((stream) => stream.full(2, [after]));
    cleanups.push(() => good.close());
    let to = await way();
    const attempts: string[] = [];
    const flags = new Dimmer(
      {
        url: 'http://flags.example',
        key,
        cache: false,
        bootstrap: snapshotDocument(1, [before]),
        // As a name that leads elsewhere later, or a port that another process takes.
        fetch: (input, init) => {
          const { pathname, search } = new URL(String(input));
          attempts.push(pathname);
          return fetch(new URL(pathname + search, to), init);
        },
      },
      fast,
    );
    cleanups.push(() => flags.close());
    const messages = new Set<string | undefined>();
    await until(() => {
      messages.add(flags.status().lastError?.message);
      for (const route of ['/sdk/v1/stream', '/sdk/v1/snapshot'])
        expect(attempts.filter((path) => path === route).length).toBeGreaterThan(1);
    });
    messages.delete(undefined);
    expect(messages.size).toBeGreaterThan(0);
    for (const message of messages) {
      expect(message).toMatch(code);
      expect(message).toMatch(told);
      expect(message).toMatch(/^the server was not reached: /);
    }
    expect(flags.status()).toMatchObject({ state: 'BOOTSTRAP', revision: 1 });
    expect(flags.string('a', user, 'fallback')).toBe('before');
    to = good.url;
    await until(() => expect(flags.status()).toMatchObject({ state: 'LIVE', revision: 2 }));
    expect(flags.string('a', user, 'fallback')).toBe('after');
  },
);

test('[N11] nothing is asked for before the constructor returns: what is stored has no wait for the first request', async () => {
  const asked = vi.fn(async () => new Response(null, { status: 503 }));
  const flags = new Dimmer(
    {
      url: 'http://flags.example',
      key,
      cache: false,
      bootstrap: snapshotDocument(1, [before]),
      fetch: asked,
    },
    fast,
  );
  cleanups.push(() => flags.close());
  expect(flags.string('a', user, 'fallback')).toBe('before');
  expect(asked).not.toHaveBeenCalled();
  await until(() => expect(asked).toHaveBeenCalled());
});
