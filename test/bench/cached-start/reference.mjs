// What any program has to do at least: read the file, parse its JSON. The first line is the seal of the cache.
import { readFileSync } from 'node:fs';

const startedAt = performance.now();
const text = readFileSync(process.argv[2], 'utf8');
const { document } = JSON.parse(text.slice(text.indexOf('\n') + 1));
const tookMs = performance.now() - startedAt;
if (document.objects.length === 0) throw new Error('there are no flags');
console.log(tookMs);
