import { snapshotOf } from '@dimmer/follower';
import { diskCache } from './disk-cache.ts';
import { systemPlatform } from './platform.ts';
import { fixedFlag, snapshotDocument } from './stream-server.fixture.ts';

/** A program that writes its cache without a pause until it is killed: `[directory, url, key]`. */
export async function main([directory, url = '', key = '']: readonly string[]): Promise<void> {
  const { clock, wallNow } = systemPlatform;
  const cache = diskCache({
    owner: { url: new URL(url), key },
    directory,
    bytesMax: 1_000_000,
    delayMs: 1_000,
    clock,
    wallNow,
    warn: (message) => process.stderr.write(message),
  });
  const objects = Array.from({ length: 200 }, (_, index) => fixedFlag(`flag-${index}`, 1, true));
  for (let revision = 1; ; revision += 1) {
    const snapshot = snapshotOf(snapshotDocument(revision, objects));
    if (snapshot !== undefined) cache.save(snapshot);
    await cache.flush();
    if (revision === 1) process.stdout.write('written');
  }
}
