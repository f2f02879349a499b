import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { filesUnder } from '../tidy/sources.ts';
import { SCENARIOS } from './scenarios.ts';

interface Mutant {
  readonly name: string;
  readonly patches: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
  readonly caughtBy: { readonly scenario?: string; readonly test?: string };
}

const list = new URL('mutants-list.mjs', import.meta.url).href;
const { MUTANTS }: { readonly MUTANTS: readonly Mutant[] } = await import(list);

// The mutants themselves take minutes: `npm run test:mutants`. This finds at once those that the code has left.
test.each(MUTANTS)('[H7] the patch of "$name" fits its code', ({ patches }) => {
  for (const { file, find } of patches) {
    const text = readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');
    expect(text.split(find).length - 1, `places in ${file} like ${find}`).toBe(1);
  }
});

test('[H7] what must catch a mutant is a scenario, or tests that are there', () => {
  const names = new Set(SCENARIOS.map(({ name }) => name));
  const tests = filesUnder('.', '.test.ts').map(({ path }) => path);
  const astray = MUTANTS.filter(({ caughtBy: { scenario, test: named } }) =>
    scenario === undefined
      ? !tests.some((path) => named !== undefined && path.includes(named))
      : !names.has(scenario),
  );
  expect(astray).toEqual([]);
});
