import { readFileSync } from 'node:fs';
import { isKey } from '@dimmer/schema';
import { InvalidArgumentError } from 'commander';
import type { Clock } from '../platform/clock.ts';
import { parseDuration } from './duration.ts';
import { HISTORY_LIMIT_MAX } from './history.ts';
import { parseTime } from './local-time.ts';
import { parseUrl } from './operator-settings.ts';

/*
 * Readers of arguments, as commander calls them. Each throws InvalidArgumentError with what is allowed, which ends
 * the command before anything is sent.
 */

/** Text that is not empty: a reason. */
export function textArgument(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}

/** Addresses of servers; commander hands over one and those before it. */
export function urlsArgument(text: string, before: readonly URL[] | undefined): readonly URL[] {
  const url = parseUrl(text);
  if (url !== undefined) return [...(before ?? []), url];
  throw new InvalidArgumentError('An address begins with http:// or https://.');
}

/** A key of a flag, tag, project or environment. */
export function keyArgument(text: string): string {
  if (isKey(text)) return text;
  throw new InvalidArgumentError('A key is letters, digits, dots, dashes and underscores.');
}

/** A list of keys, apart by spaces or commas; commander hands over one argument and those before it. */
export function keysArgument(text: string, before: readonly string[] | undefined): readonly string[] {
  return [
    ...(before ?? []),
    ...text
      .split(',')
      .filter((part) => part !== '')
      .map(keyArgument),
  ];
}

/** @returns Milliseconds. */
export function durationArgument(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs !== undefined) return durationMs;
  throw new InvalidArgumentError('A duration is a number and ms, s, m, h or d: 30s.');
}

export function revisionArgument(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A revision is a whole number, as `dimmer history` shows it.');
}

/** A revision, or a time. @returns A number, or ISO 8601 in UTC. */
export function pointArgument(text: string): number | string {
  const point = /^\d{1,15}$/.test(text) ? Number(text) : parseTime(text);
  if (point !== undefined) return point;
  throw new InvalidArgumentError('Give a revision (812) or a time (2026-11-20T18:00, or with a zone).');
}

/** A time to come: a duration from now, or a time. @returns ISO 8601 in UTC. */
export function expiryArgument(clock: Clock): (text: string) => string {
  return (text) => {
    const durationMs = parseDuration(text);
    const at = durationMs === undefined ? parseTime(text) : new Date(clock.now() + durationMs).toISOString();
    if (at === undefined)
      throw new InvalidArgumentError('Give a duration (2h) or a time (2026-11-20T18:00).');
    if (Date.parse(at) > clock.now()) return at;
    throw new InvalidArgumentError('It must lie in the future.');
  };
}

export function historyLimitArgument(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= HISTORY_LIMIT_MAX) return limit;
  throw new InvalidArgumentError(`It must be a number from 1 to ${HISTORY_LIMIT_MAX}.`);
}

/** A file that was read. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** The text of a file; `-` is standard input. */
export function fileArgument(name: string): NamedText {
  try {
    return {
      name: name === '-' ? 'Standard input' : name,
      text: readFileSync(name === '-' ? 0 : name, 'utf8'),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidArgumentError(`It cannot be read: ${reason}.`);
  }
}
