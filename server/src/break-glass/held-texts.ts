import type { Fault } from '../changes/fault.ts';
import type { Rejection } from '../changes/result.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { StorageFault } from '../storage/storage.ts';
import { HELD_KILLS_MAX } from './held-kills.ts';

/** Where kills are committed, in words. */
export type Home = 'database' | 'upstream';

/** What whoever has broken the glass has to know of a kill that is held. */
export function heldDetail(home: Home, isKept: boolean): string {
  return (
    `The ${home} does not answer, so this is held in this one server and reaches the SDKs that are connected to it. ` +
    `It is committed when the ${home} is back, ` +
    (isKept ? 'also after a restart.' : 'and lost if this server ends before: it is kept nowhere.')
  );
}

const BREAK_GLASS_REMEDY =
  'If it cannot wait: dimmer kill --break-glass, which is `"breakGlass": true`, sent to every server.';

/** Of a kill that did not break the glass, where the home is away. */
export function awayOf({ fault }: StorageFault, home: Home): Rejection {
  return fault === 'full'
    ? {
        code: 'STORAGE_FULL',
        detail: `The disk of the ${home} has no space left.`,
        remedy: BREAK_GLASS_REMEDY,
      }
    : { code: 'UNAVAILABLE', detail: `The ${home} does not answer.`, remedy: BREAK_GLASS_REMEDY };
}

/** Of an environment that this server has no copy of. */
export function nothingHere({ project, environment }: EnvironmentRef, home: Home): Rejection {
  return {
    code: 'UNAVAILABLE',
    detail: `The ${home} does not answer, and this server serves nothing of ${project}/${environment}: there is nothing to kill here.`,
    remedy: 'Send it to the servers that SDKs of this environment are connected to.',
  };
}

/** @param current - How many kills this server would hold. */
export function tooMany(current: number): Rejection {
  return {
    code: 'LIMIT_EXCEEDED',
    detail: `This server would hold ${current} kills, at most ${HELD_KILLS_MAX}.`,
    limit: { name: 'heldKills', current, maximum: HELD_KILLS_MAX },
  };
}

/** Of a lift that comes when the kill is on its way into its home. */
export function underWay(flag: string, home: Home): Rejection {
  return {
    code: 'UNAVAILABLE',
    detail: `The ${home} is back, and the kill of "${flag}" is being committed at this moment.`,
    remedy: 'Restore it as any other kill: without `breakGlass`.',
  };
}

/** Of a kill that names a tag. */
export function tagUnknown(home: Home): Fault {
  return {
    path: '$.tag',
    rule: 'break-glass-names',
    message: `cannot be looked up: which flags have a tag is known to the ${home} alone, which does not answer`,
    remedy: 'Name the flags.',
  };
}
