import { Dimmer } from './client.ts';

/** A program that uses a client and closes it: `[url, key, directory, milliseconds for ready]`. */
export async function main([url = '', key, directory = '', timeoutMs]: readonly string[]): Promise<void> {
  const flags = new Dimmer({ url, key, cache: { directory } });
  const { state } = await flags.ready({ timeoutMs: Number(timeoutMs) });
  await flags.close();
  process.stdout.write(state);
}
