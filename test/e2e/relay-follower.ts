import { Dimmer } from '@dimmer/node';

/** What the program tells, again and again, as one JSON line each. */
export interface Told {
  readonly state: string;
  readonly revision: number | null;
  readonly ageMs: number | null;
  readonly value: boolean;
}

const TELL_MS = 100;

/** A program with an SDK: `[url, key, instance]`. It ends when its standard input does. */
export async function main([url = '', key, instance = '']: readonly string[]): Promise<void> {
  const flags = new Dimmer({ url, key, cache: false, application: { name: 'follower', instance } });
  const tell = (): void => {
    const { state, revision, ageMs } = flags.status();
    const value = flags.boolean('checkout-v2', { targetingKey: 'user-1' }, false);
    process.stdout.write(`${JSON.stringify({ state, revision, ageMs, value } satisfies Told)}\n`);
  };
  setInterval(tell, TELL_MS);
  process.stdin.on('end', () => void flags.close().then(() => process.exit(0)));
  process.stdin.resume();
}
