import { Dimmer } from '@dimmer/node';

/** A program of SDKs that follow one environment: `[url, key, first name, count]`. It says when all are live. */
export async function main([url = '', key, name = '', count = '1']: readonly string[]): Promise<void> {
  const clients = Array.from({ length: Number(count) }, (_, index) => {
    const instance = count === '1' ? name : `${name}-${index}`;
    return new Dimmer({ url, key, cache: false, application: { name: 'follower', instance } });
  });
  await Promise.all(clients.map((client) => client.ready({ timeoutMs: 30_000 })));
  process.stdout.write('live\n');
}
