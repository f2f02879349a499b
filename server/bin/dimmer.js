#!/usr/bin/env node
// Plain JavaScript for any Node: what follows needs a recent one, and an old one has to be told so.
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Dimmer needs Node 20.19 or later; this is ${process.versions.node}. Install a newer Node.`);
  process.exitCode = 1;
} else {
  import('../dist/main.js');
}
