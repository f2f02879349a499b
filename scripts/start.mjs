/**
 * `npm start`: prepares what is missing, then becomes `dimmer serve`. Arguments are the server's:
 * `npm start -- --port 5000`.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compile, installDependencies, ROOT, requireNode } from './prepare.mjs';

requireNode();
installDependencies();
compile();

// In this very process, so that signals, exit code and terminal are the server's own.
const command = join(ROOT, 'server/bin/dimmer.js');
process.argv.splice(1, 1, command, 'serve');
await import(pathToFileURL(command).href);
