import { Dimmer } from './client.ts';

/** A program that uses a client and closes it: `[url, key, directory]`. */
export async function main([url = '', key, directory = '']: readonly string[]): Promise<void> {
  const flags = new Dimmer({ url, key, cache: { directory } });
  const { state } = await flags.ready({ timeoutMs: 300 });
  await flags.close();
  process.stdout.write(state);
}
