import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { filesUnder, ROOT } from './sources.ts';

const LINK = /\[[^\]]*\]\(([^()\s]+)\)/g;
const OUTSIDE = /^[a-z][a-z+.-]*:/;

const pages = new Map(filesUnder('.', '.md').map(({ path, text }) => [path, text]));

test('links between the pages lead somewhere', () => {
  const dead = [...pages].flatMap(([path, text]) =>
    linksOf(text).flatMap((link) => (leadsSomewhere(path, link) ? [] : [`${path}: ${link}`])),
  );
  expect(dead).toEqual([]);
});

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
