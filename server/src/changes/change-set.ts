import type { Edit as AskedEdit } from '@dimmer/schema/rest';
import { patchConfiguration, putConfiguration } from '../flags/configuration-edits.ts';
import { archiveFlag, createFlag, patchFlag } from '../flags/flag-edits.ts';
import { killFlag, restoreFlag } from '../flags/kill-edits.ts';
import { createSegment, deleteSegment, patchSegment } from '../segments/segment-edits.ts';
import type { Edit } from './edit.ts';
import { rejectionUnder } from './fault.ts';
import { type Locate, locateBy } from './locate.ts';
import { accepted, rejected } from './result.ts';

/**
 * The edit that one entry of a change set asks for, in an environment. Its issues start from the entry.
 *
 * @example editOf({ edit: 'restore', flag: 'checkout-v2' }, 'production')
 */
export function editOf(asked: AskedEdit, environment: string): Edit {
  switch (asked.edit) {
    case 'createFlag':
      return at('$.flag', createFlag(asked.flag));
    case 'patchFlag':
      return at('$.patch', patchFlag(asked.key, asked.patch));
    case 'archiveFlag':
      return archiveFlag(asked.key);
    case 'putConfiguration':
      return at('$.configuration', putConfiguration(environment, asked.flag, asked.configuration));
    case 'patchConfiguration':
      return at('$.patch', patchConfiguration(environment, asked.flag, asked.patch));
    case 'createSegment':
      return at('$.segment', createSegment(environment, asked.segment));
    case 'patchSegment':
      return at('$.patch', patchSegment(environment, asked.key, asked.patch));
    case 'deleteSegment':
      return deleteSegment(environment, asked.key);
    case 'kill':
      return killFlag(environment, asked.flag, { reason: asked.reason, expiresAt: asked.expiresAt });
    case 'restore':
      return restoreFlag(environment, asked.flag);
  }
}

/**
 * Several edits as one: each sees what the ones before it did, and one that is refused refuses all.
 *
 * @example sequence(edits.map((asked) => editOf(asked, 'production')))
 */
export function sequence(edits: readonly Edit[]): Edit {
  return (state, context) => {
    let current = state;
    for (const [index, edit] of edits.entries()) {
      const result = at(`$.edits[${index}]`, edit)(current, context);
      if (!result.ok) return result;
      current = result.value;
    }
    return accepted(current);
  };
}

/** The flags that a change set archives, if they are not. */
export function flagsArchivedBy(edits: readonly AskedEdit[]): readonly string[] {
  const keys = edits.flatMap((asked) => {
    if (asked.edit === 'archiveFlag') return [asked.key];
    return asked.edit === 'patchFlag' && asked.patch.archived === true ? [asked.key] : [];
  });
  return [...new Set(keys)];
}

/** Where a change set gives each object: in the last edit that says what it shall be. */
export function locateInEdits(edits: readonly AskedEdit[]): Locate {
  return locateBy(
    new Map(edits.map((asked, index) => [nameOf(asked), `$.edits[${index}]${bodyOf(asked)}`] as const)),
  );
}

/** The same edit, whose issues start from `path`. */
function at(path: string, edit: Edit): Edit {
  return (state, context) => {
    const result = edit(state, context);
    return result.ok ? result : rejected(rejectionUnder(path, result.rejection));
  };
}

function nameOf(asked: AskedEdit): string {
  switch (asked.edit) {
    case 'createFlag':
      return `flag/${asked.flag.key}`;
    case 'patchFlag':
    case 'archiveFlag':
      return `flag/${asked.key}`;
    case 'createSegment':
      return `segment/${asked.segment.key}`;
    case 'patchSegment':
    case 'deleteSegment':
      return `segment/${asked.key}`;
    default:
      return `flag/${asked.flag}`;
  }
}

function bodyOf(asked: AskedEdit): string {
  if (asked.edit === 'putConfiguration') return '.configuration';
  if (asked.edit === 'createSegment') return '.segment';
  return 'patch' in asked ? '.patch' : '';
}
