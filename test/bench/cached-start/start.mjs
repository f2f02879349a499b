// A program that starts while the server is away. Prints after how many milliseconds it had a value of the last run.
import { Dimmer } from '@dimmer/node';

const [, , url, key, directory] = process.argv;
const startedAt = performance.now();
const flags = new Dimmer({ url, key, cache: { directory }, logger: { warn() {}, error() {} } });
const { source } = flags.detail('flag-0', { targetingKey: 'user-1' }, true);
const tookMs = performance.now() - startedAt;
if (source !== 'cache') throw new Error(`the value came from ${source}`);
console.log(tookMs);
await flags.close();
