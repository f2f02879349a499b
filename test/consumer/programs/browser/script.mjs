import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { runInThisContext } from 'node:vm';
import { exercise } from './exercise.mjs';

runInThisContext(readFileSync(createRequire(import.meta.url).resolve('@dimmer/browser/script'), 'utf8'));
assert.equal(typeof globalThis.Dimmer, 'function');
await exercise(globalThis.Dimmer);
