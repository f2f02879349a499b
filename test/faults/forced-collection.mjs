/** Loaded into a server: at SIGUSR2 it collects what nobody holds any more, and writes how many bytes are left. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

process.on('SIGUSR2', () => {
  collect();
  // What finalizers give back goes with the next collection.
  setImmediate(() => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    process.stderr.write(`held ${heapUsed + external} bytes\n`);
  });
});
