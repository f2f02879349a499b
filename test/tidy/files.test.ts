import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { packageFiles, productFiles } from './sources.ts';

const LINES_MAX = 500;
const VAGUE_NAMES = /^(.*[-.])?(utils?|helpers?|common|shared|manager|impl|misc)([-.].*)?\.ts$/;

/** What reads the clock, rolls dice or starts a timer without being handed the means. */
const AMBIENT =
  /\b(Date\.now|Math\.random|setTimeout|setInterval|setImmediate|performance\.now|randomUUID)\b|new Date\(\)/;

/** The edges, where ports meet the machine: the platform, the composition, adapters and the disk. */
const EDGES = [
  /^server\/src\/platform\//,
  /^server\/src\/(main|app)\.ts$/,
  /^server\/src\/storage\/[^/]+\//,
  /^sdk-node\/src\/(platform|disk-cache)\.ts$/,
  /^sdk-browser\/src\/platform\.ts$/,
];

test('a file has at most 500 lines', () => {
  const long = packageFiles().filter(({ text }) => text.split('\n').length > LINES_MAX);
  expect(long.map(({ path }) => path)).toEqual([]);
});

test('a file is named after what it holds, not after having no better place', () => {
  const vague = packageFiles().filter(({ path }) => VAGUE_NAMES.test(basename(path)));
  expect(vague.map(({ path }) => path)).toEqual([]);
});

test('a folder has no inner barrel: index.ts is the entry of a package', () => {
  const entries =
    /^[^/]+\/src\/index\.ts$|^schema\/src\/rest\/index\.ts$|^sdk-(node\/src\/(testing|openfeature)|browser\/src\/openfeature)\/index\.ts$/;
  const inner = productFiles().filter(({ path }) => basename(path) === 'index.ts' && !entries.test(path));
  expect(inner.map(({ path }) => path)).toEqual([]);
});

test('time and chance are arguments everywhere but at the edges', () => {
  const inside = productFiles().filter(({ path }) => !EDGES.some((edge) => edge.test(path)));
  const ambient = inside.flatMap(({ path, text }) =>
    codeLines(text).flatMap((line, index) =>
      AMBIENT.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
    ),
  );
  expect(ambient).toEqual([]);
});

/** Lines without comments; the numbers of the lines stay. */
function codeLines(text: string): string[] {
  const blanked = text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '));
  return blanked.split('\n').map((line) => line.replace(/(^|\s)\/\/.*$/, ''));
}
