import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * How many steps of migration this version ships for a dialect; 0 where it ships none.
 *
 * The path is the same from `src` and from `dist`.
 */
export function knownSteps(dialect: 'sqlite' | 'postgres'): number {
  const journal = fileURLToPath(new URL(`../../migrations/${dialect}/meta/_journal.json`, import.meta.url));
  try {
    const parsed: unknown = JSON.parse(readFileSync(journal, 'utf8'));
    const entries =
      typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'entries') : undefined;
    return Array.isArray(entries) ? entries.length : 0;
  } catch {
    return 0;
  }
}
