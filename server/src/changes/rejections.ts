import type { Rejection } from './result.ts';

export function projectNotFound(project: string): Rejection {
  return {
    code: 'PROJECT_NOT_FOUND',
    detail: `There is no project "${project}".`,
    remedy: 'List the projects, or create it.',
  };
}

export function environmentNotFound(environment: string, project: string): Rejection {
  return {
    code: 'ENVIRONMENT_NOT_FOUND',
    detail: `There is no environment "${environment}" in project "${project}".`,
    remedy: 'List the environments of the project, or create it.',
  };
}

export function flagNotFound(flag: string): Rejection {
  return {
    code: 'FLAG_NOT_FOUND',
    detail: `There is no flag "${flag}".`,
    remedy: 'Keys are case-sensitive: list the flags of the project, or create it.',
  };
}

export function configurationNotFound(flag: string, environment: string): Rejection {
  return {
    code: 'CONFIGURATION_NOT_FOUND',
    detail: `The flag "${flag}" has no configuration in environment "${environment}".`,
    remedy: 'PUT a configuration there first.',
  };
}

export function segmentNotFound(segment: string, environment: string): Rejection {
  return {
    code: 'SEGMENT_NOT_FOUND',
    detail: `There is no segment "${segment}" in environment "${environment}".`,
    remedy: 'Keys are case-sensitive: list the segments of the environment, or create it.',
  };
}

export function flagArchived(flag: string): Rejection {
  return {
    code: 'FLAG_ARCHIVED',
    detail: `The flag "${flag}" is archived.`,
    remedy: 'PATCH it with {"archived": false} first.',
  };
}

export function keyExists(kind: string, taken: string): Rejection {
  return {
    code: 'KEY_EXISTS',
    detail: `There already is a ${kind} "${taken}".`,
    remedy: 'Keys are unique without regard to case: choose another, or edit the existing one.',
  };
}

/** @param users - What depends on it, in words. */
export function inUse(what: string, users: readonly string[], remedy: string): Rejection {
  return { code: 'IN_USE', detail: `${what} is still used by ${listed(users)}.`, remedy };
}

/** Few enough to read. */
const LISTED_MAX = 5;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, LISTED_MAX).join(', ');
  return names.length > LISTED_MAX ? `${shown} and ${names.length - LISTED_MAX} more` : shown;
}
