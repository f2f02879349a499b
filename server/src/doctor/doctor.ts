import type { Terminal } from '../operator/terminal.ts';
import { checkDatabase } from './check-database.ts';
import { checkMachine } from './check-machine.ts';
import { checkServer } from './check-server.ts';
import { checkSettings } from './check-settings.ts';
import type { Facts } from './facts.ts';
import type { Finding, Level } from './finding.ts';

const LEVELS: readonly Level[] = ['ok', 'note', 'warning', 'problem'];

/** Everything that the facts say, area by area. */
export function diagnose(facts: Facts): readonly Finding[] {
  return [checkSettings, checkDatabase, checkMachine, checkServer].flatMap((check) => check(facts));
}

/** Writes the findings. @returns The exit code: 1 where there is a problem, else 0. */
export function tellFindings(findings: readonly Finding[], terminal: Terminal, isJson: boolean): 0 | 1 {
  const counts = Object.fromEntries(
    LEVELS.map((level) => [level, findings.filter((finding) => finding.level === level).length]),
  );
  if (isJson) terminal.out(JSON.stringify({ counts, findings }));
  else for (const line of linesOf(findings, terminal)) terminal.out(line);
  return counts['problem'] === 0 ? 0 : 1;
}

function linesOf(findings: readonly Finding[], { paint }: Pick<Terminal, 'paint'>): string[] {
  const [levelWidth, areaWidth] = [LEVELS, findings.map(({ area }) => area)].map((words) =>
    Math.max(...words.map((word) => word.length)),
  ) as [number, number];
  const rows = findings.flatMap(({ level, area, found, remedy }) => {
    const word = level.padEnd(levelWidth);
    const shown =
      level === 'problem' ? paint('bad', word) : level === 'warning' ? paint('strong', word) : word;
    const indent = ' '.repeat(levelWidth + areaWidth + 4);
    return [
      `${shown}  ${area.padEnd(areaWidth)}  ${found}`,
      ...(remedy === null ? [] : [`${indent}Do: ${remedy}`]),
    ];
  });
  const bad = LEVELS.map(
    (level) => `${findings.filter((finding) => finding.level === level).length} ${level}`,
  );
  return [...rows, '', bad.join(', ')];
}
