/** What a JSON text may not have, whatever it is for. */
export interface StructureFault {
  readonly rule: 'depth' | 'forbidden-name' | 'duplicate-name' | 'names';
  /** Where, from the root. */
  readonly path: readonly (string | number)[];
}

/** An object or list that was opened and not closed yet. */
interface Level {
  /** Of an object, the names so far; `undefined`: a list. */
  readonly names: Set<string> | undefined;
  /** The name or index of the member at hand. */
  member: string | number;
  /** Whether the next text is a name. */
  expectsName: boolean;
}

/**
 * Looks through the text of a JSON document before it is parsed: a parser spends half a second on a megabyte of
 * opening brackets, and drops all but the last of several members of one name. One pass, in proportion to the text.
 *
 * What is no JSON at all is left to the parser.
 *
 * @param depthMax - Objects and lists within each other.
 * @param namesMax - Members of one object, objects of one list: checking each of very many against a schema holds up everybody else.
 * @example structureFaultOf('{"a":1,"a":2}', 64, 10_000) // { rule: 'duplicate-name', path: ['a'] }
 */
export function structureFaultOf(
  text: string,
  depthMax: number,
  namesMax: number,
): StructureFault | undefined {
  const levels: Level[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    let rule: StructureFault['rule'] | undefined;
    switch (character) {
      case '"': {
        const end = endOfText(text, index);
        rule = ruleBrokenBy(text.slice(index + 1, end), levels.at(-1), namesMax);
        index = end;
        break;
      }
      case '{':
      case '[':
        if (levels.length >= depthMax) rule = 'depth';
        else if (isBeyond(levels.at(-1), namesMax)) rule = 'names';
        else levels.push(opened(character === '{'));
        break;
      case '}':
      case ']':
        levels.pop();
        break;
      case ',':
        advance(levels.at(-1));
    }
    if (rule !== undefined) return { rule, path: pathOf(levels) };
  }
  return undefined;
}

/** Plain values may be very many in a list; objects and lists are what takes time. */
function isBeyond(level: Level | undefined, namesMax: number): boolean {
  return level !== undefined && level.names === undefined && Number(level.member) >= namesMax;
}

function opened(isObject: boolean): Level {
  return { names: isObject ? new Set() : undefined, member: 0, expectsName: isObject };
}

function advance(level: Level | undefined): void {
  if (level === undefined) return;
  if (level.names !== undefined) level.expectsName = true;
  else level.member = Number(level.member) + 1;
}

/** A text within an object is a name or a value; only names can break a rule. */
function ruleBrokenBy(
  written: string,
  level: Level | undefined,
  namesMax: number,
): StructureFault['rule'] | undefined {
  if (level?.names === undefined || !level.expectsName) return undefined;
  const name = unescaped(written);
  level.member = name;
  level.expectsName = false;
  if (name === '__proto__') return 'forbidden-name';
  if (level.names.has(name)) return 'duplicate-name';
  if (level.names.size >= namesMax) return 'names';
  level.names.add(name);
  return undefined;
}

/** The index of the closing quote. Most texts hold no escape, and `indexOf` is many times faster than a loop. */
function endOfText(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end;
}

/** Whether an odd number of backslashes stands before a character. */
function isEscaped(text: string, index: number): boolean {
  let first = index;
  while (text[first - 1] === '\\') first -= 1;
  return (index - first) % 2 === 1;
}

function unescaped(written: string): string {
  if (!written.includes('\\')) return written;
  try {
    return String(JSON.parse(`"${written}"`));
  } catch {
    return written;
  }
}

function pathOf(levels: readonly Level[]): readonly (string | number)[] {
  return levels.map(({ member }) => member);
}
