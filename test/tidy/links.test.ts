import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { filesUnder, ROOT } from './sources.ts';

const LINK = /\[[^\]]*\]\(([^()\s]+)\)/g;
const OUTSIDE = /^[a-z][a-z+.-]*:/;
/** A source file, from any folder above it: `changes/commit.ts`. What has a placeholder or a star in it is none. */
const SOURCE = /(?<![\w<>*./-])(?:\w[\w-]*\/)*\w[\w.-]*\.(?:ts|mjs)\b/g;
/** A command of this repository. */
const COMMAND = /\bnpm run ([a-z][a-z:-]*)/g;
/** A folder in the map of the server. */
const MAPPED = /^ {2}([a-z-]+)\/ {2}/gm;

const pages = new Map(filesUnder('.', '.md').map(({ path, text }) => [path, text]));

test('links between the pages lead somewhere', () => {
  const dead = [...pages].flatMap(([path, text]) =>
    linksOf(text).flatMap((link) => (leadsSomewhere(path, link) ? [] : [`${path}: ${link}`])),
  );
  expect(dead).toEqual([]);
});

test('the index in the README leads to every guide', () => {
  const index = linksOf(pages.get('README.md') ?? '').map((link) => link.split('#')[0]);
  const guides = [...pages.keys()].filter((page) => /^docs\/[^/]+\.md$/.test(page));
  expect(guides.filter((guide) => !index.includes(guide))).toEqual([]);
});

test('commands that a page names are there, and each is in CONTRIBUTING.md', () => {
  const manifest: { readonly scripts: object } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const scripts = Object.keys(manifest.scripts);
  const unknown = [...pages].flatMap(([page, text]) =>
    [...text.matchAll(COMMAND)].flatMap(([, name = '']) =>
      scripts.includes(name) ? [] : [`${page}: ${name}`],
    ),
  );
  const listed = [...(pages.get('CONTRIBUTING.md') ?? '').matchAll(/`([^`]*)`/g)].map(
    ([, code = '']) => code,
  );
  const unlisted = scripts.filter(
    (name) =>
      !listed.some((code) => [name, `npm run ${name}`, `npm ${name}`].some((form) => isCommand(code, form))),
  );
  expect({ unknown, unlisted }).toEqual({ unknown: [], unlisted: [] });
});

test('source files that a page for maintainers names are there', () => {
  const sources = ['.ts', '.mjs'].flatMap((extension) => filesUnder('.', extension));
  const paths = sources.map(({ path }) => `/${path}`);
  const missing = [...pages].filter(isForMaintainers).flatMap(([page, text]) =>
    [...text.matchAll(SOURCE)].flatMap(([named]) => {
      return paths.some((path) => path.endsWith(`/${named}`)) ? [] : [`${page}: ${named}`];
    }),
  );
  expect(missing).toEqual([]);
});

test('the map of the server has each of its folders, and no other', () => {
  const [, map = ''] = (pages.get('ARCHITECTURE.md') ?? '').split('\nserver/src/\n');
  const mapped = [...(map.split('```')[0] ?? '').matchAll(MAPPED)].map(([, folder]) => folder);
  const entries = readdirSync(join(ROOT, 'server/src'), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(mapped.sort()).toEqual(folders.sort());
});

/** Whether a text is the command, perhaps with arguments. */
function isCommand(text: string, command: string): boolean {
  return text === command || text.startsWith(`${command} `);
}

function isForMaintainers([page]: readonly [string, string]): boolean {
  return /^(ARCHITECTURE|CONTRIBUTING|SPEC)\b/.test(basename(page)) || page.startsWith('docs/decisions/');
}

function linksOf(text: string): string[] {
  const links = [...withoutCode(text).matchAll(LINK)].flatMap(([, link]) => link ?? []);
  return links.filter((link) => !OUTSIDE.test(link));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? page : normalize(join(dirname(page), decodeURIComponent(file)));
  if (!existsSync(join(ROOT, target))) return false;
  const text = pages.get(target);
  return anchor === undefined || text === undefined || anchorsOf(text).has(anchor);
}

/** The anchors that GitHub gives to headings: lower case, spaces to dashes, other signs dropped. */
function anchorsOf(text: string): Set<string> {
  const headings = [...withoutCode(text, 'blocks').matchAll(/^#{1,6} +(.+)$/gm)].flatMap(
    ([, heading]) => heading ?? [],
  );
  const seen = new Map<string, number>();
  return new Set(
    headings.map((heading) => {
      const slug = heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-');
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      return count === 0 ? slug : `${slug}-${count}`;
    }),
  );
}

function withoutCode(text: string, what: 'blocks' | 'all' = 'all'): string {
  const plain = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '');
  return what === 'all' ? plain.replace(/`[^`\n]*`/g, '') : plain;
}
