import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { filesUnder, type SourceFile } from './sources.ts';

const RULE = /^\s*[-*] \*\*([A-Z]+\d+[a-z]?)\*\*/gm;
/** A title, whether it stands in a call or in a table of cases: a string that begins with `[E12]` or `[E12, E13]`. */
const TITLE = /['"`]((?:\[[A-Z]+\d+[a-z]?(?:, ?[A-Z]+\d+[a-z]?)*\] ?)+)/g;
/** Vectors name the rule that they show; their titles are made from it. */
const VECTOR = /"rule": "([A-Z]+\d+[a-z]?)"/g;
const ID = /[A-Z]+\d+[a-z]?/g;

const specs = filesUnder('.', '.md').filter(({ path }) => /^SPEC.*\.md$/.test(basename(path)));
const tests = filesUnder('.', '.ts').filter(
  ({ path }) => path.endsWith('.test.ts') || path.startsWith('test/'),
);
const vectors = filesUnder('schema/vectors', '.json');
const written = specs.flatMap((file) => idsIn(file, RULE));
const tested = [
  ...tests.flatMap((file) => idsIn(file, TITLE)),
  ...vectors.flatMap((file) => idsIn(file, VECTOR)),
];

test('every rule of a specification is named by a test', () => {
  const ids = new Set(tested.map(({ id }) => id));
  const untested = written.filter(({ id }) => !ids.has(id));
  expect(untested.map(({ id, path }) => `${id} (${path})`)).toEqual([]);
});

test('every rule that a test names is in a specification', () => {
  const ids = new Set(written.map(({ id }) => id));
  const unknown = tested.filter(({ id }) => !ids.has(id));
  expect([...new Set(unknown.map(({ id, path }) => `${id} (${path})`))]).toEqual([]);
});

test('every specification has rules that can be read', () => {
  const silent = specs.filter((file) => idsIn(file, RULE).length === 0);
  expect(silent.map(({ path }) => path)).toEqual([]);
});

test('a rule id is given once', () => {
  const ids = written.map(({ id }) => id);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
});

interface RuleMention {
  readonly id: string;
  readonly path: string;
}

/** Every rule that the first group of a pattern names in a file. */
function idsIn({ path, text }: SourceFile, pattern: RegExp): RuleMention[] {
  const ids = [...text.matchAll(pattern)].flatMap(([, group]) => group?.match(ID) ?? []);
  return ids.map((id) => ({ id, path }));
}
