/**
 * `npm run dimmer -- kill checkout-v2 --reason ...`: prepares what is missing, then becomes the `dimmer` command.
 * Where nothing is missing, that takes no time and says nothing: standard output is the command's alone.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compile, installDependencies, isServerBuilt, ROOT, requireNode } from './prepare.mjs';

requireNode();
// In an incident nobody waits for a compiler that has nothing to do.
if (!isServerBuilt()) {
  installDependencies();
  compile();
}

// In this very process, so that signals, exit code and terminal are the command's own.
const command = join(ROOT, 'server/bin/dimmer.js');
process.argv.splice(1, 1, command);
await import(pathToFileURL(command).href);
