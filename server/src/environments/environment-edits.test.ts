import { LIMITS } from '@dimmer/schema';
import { expect, test } from 'vitest';
import {
  accept,
  configurationInput,
  emptyProject,
  flagInput,
  projectWith,
  refuse,
  segmentInput,
  split,
} from '../changes/project.arbitrary.ts';
import { putConfiguration } from '../flags/configuration-edits.ts';
import { createFlag } from '../flags/flag-edits.ts';
import { killFlag } from '../flags/kill-edits.ts';
import { createSegment } from '../segments/segment-edits.ts';
import type { Project } from './environment.ts';
import { createEnvironment, patchEnvironment, renewEpoch } from './environment-edits.ts';
import { environmentView } from './environment-views.ts';
import { newProject, patchProject } from './project-edits.ts';
import { projectView } from './project-views.ts';

const staged = projectWith(
  createFlag(flagInput({ key: 'a' })),
  putConfiguration('staging', 'a', configurationInput({ fallthrough: split(40) })),
  createSegment('staging', segmentInput({ key: 'beta' })),
  killFlag('staging', 'a', { reason: 'x' }),
);

test('[C50] a project starts with production, staging and development at revision 0', () => {
  expect(projectView(emptyProject())).toMatchObject({
    key: 'shop',
    name: 'shop',
    environments: ['production', 'staging', 'development'],
    version: 1,
  });
});

test('[C50] keys of projects are unique without regard to case, and their number is limited', () => {
  const context = { now: '2026-11-21T12:00:00.000Z', newEpoch: () => 'e' };
  const { project } = emptyProject();
  const taken = newProject({ key: 'SHOP', description: '' }, new Map([['shop', project]]), context);
  expect(taken).toMatchObject({ ok: false, rejection: { code: 'KEY_EXISTS' } });
  const many = new Map<string, Project>(
    Array.from({ length: LIMITS.projects }, (_, n) => [`p${n}`, project]),
  );
  expect(newProject({ key: 'more', description: '' }, many, context)).toMatchObject({
    ok: false,
    rejection: { code: 'LIMIT_EXCEEDED', limit: { name: 'projects', current: 501, maximum: 500 } },
  });
});

test('[M43] a new epoch takes no revision, and leaves everything else as it is', () => {
  const { after, revisions } = accept(staged, renewEpoch('staging', 'e9'));
  const [before, renewed] = [staged.environments.get('staging'), after.environments.get('staging')];
  expect(revisions).toEqual({});
  expect(renewed?.environment).toEqual({ ...before?.environment, epoch: 'e9' });
  expect([renewed?.revision, renewed?.flags]).toEqual([before?.revision, before?.flags]);
  expect(refuse(staged, renewEpoch('nowhere', 'e9'))).toMatchObject({ code: 'ENVIRONMENT_NOT_FOUND' });
});

test('[C51] a copy serves what its source serves: seeds, ranges, kills and segments', () => {
  const { after, revisions } = accept(staged, createEnvironment({ key: 'qa', copyFrom: 'staging' }, 'e9'));
  expect(revisions).toEqual({ qa: 1 });
  const [qa, staging] = [after.environments.get('qa'), after.environments.get('staging')];
  expect(qa?.flags.get('a')).toEqual({ ...staging?.flags.get('a'), version: 1 });
  expect(qa?.segments.get('beta')).toEqual({ ...staging?.segments.get('beta'), version: 1 });
});

test('[C52] without a source every flag starts off', () => {
  const { after } = accept(staged, createEnvironment({ key: 'qa' }, 'e9'));
  const qa = after.environments.get('qa');
  expect(qa?.flags.get('a')).toMatchObject({ configuration: { enabled: false }, kill: null });
  expect(qa?.segments.size).toBe(0);
});

test('[C52] an environment without flags is made at revision 0', () => {
  const outcome = accept(emptyProject(), createEnvironment({ key: 'qa', name: 'Q' }, 'e9'));
  expect(outcome).toMatchObject({ changed: true, revisions: {} });
  const qa = outcome.after.environments.get('qa');
  expect(qa && environmentView(qa)).toMatchObject({ key: 'qa', name: 'Q', epoch: 'e9', revision: 0 });
});

test('[C53] keys of environments are unique without regard to case, and sources exist', () => {
  expect(refuse(staged, createEnvironment({ key: 'Staging' }, 'e')).code).toBe('KEY_EXISTS');
  expect(refuse(staged, createEnvironment({ key: 'qa', copyFrom: 'x' }, 'e')).code).toBe(
    'ENVIRONMENT_NOT_FOUND',
  );
});

test('[C54] renaming makes no revision', () => {
  const outcome = accept(staged, patchEnvironment('staging', { name: 'Rehearsal' }));
  expect(outcome).toMatchObject({ changed: true, revisions: {} });
  expect(outcome.after.environments.get('staging')?.environment.name).toBe('Rehearsal');
  expect(accept(outcome.after, patchEnvironment('staging', { name: 'Rehearsal' })).changed).toBe(false);
  expect(accept(staged, patchProject({ name: 'Web shop' })).after.project).toMatchObject({ version: 2 });
  expect(accept(staged, patchProject({ name: 'shop' })).changed).toBe(false);
});
