/**
 * An outage of the database under traffic, with a kill in the middle of it.
 *
 *   node test/bench/outage/run.mjs [--minutes 1]
 *
 * A PostgreSQL of its own is ended as by a crash and started again; the server is a process of its own, and reaches the
 * database through a proxy that counts its attempts. See `outage.ts` for what is measured and printed.
 */
import { fileURLToPath } from 'node:url';

process.argv.splice(2, 0, fileURLToPath(new URL('outage.ts', import.meta.url)));
await import('../../contract/run-program.mjs');
