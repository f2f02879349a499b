import { z } from 'zod';
import { ChangeReason, Description, Key, Name, pageOf, Revision, Timestamp } from './terms.ts';

export const ProjectInput = z
  .strictObject({ key: Key, name: Name.optional(), description: Description.default('') })
  .meta({ id: 'ProjectInput' });

export const ProjectPatch = z
  .strictObject({ name: Name.optional(), description: Description.optional() })
  .meta({ id: 'ProjectPatch' });

export const ProjectView = z
  .object({
    key: Key,
    name: Name,
    description: Description,
    environments: z.array(Key),
    createdAt: Timestamp,
    version: z.int().meta({ description: 'Counts edits of the project itself; the ETag.' }),
  })
  .meta({ id: 'Project' });

export const ProjectPage = pageOf(ProjectView, 'ProjectPage');

export const EnvironmentInput = z
  .strictObject({
    key: Key,
    name: Name.optional(),
    copyFrom: Key.optional().meta({
      description: 'Environment whose configurations and segments the new one starts with.',
    }),
  })
  .meta({ id: 'EnvironmentInput' });

/** Whether browsers must prove whose context they send. */
const SecureMode = z.boolean().meta({
  description: 'Whether client keys are answered only for contexts that a server key has signed.',
});

export const EnvironmentPatch = z
  .strictObject({ name: Name.optional(), secureMode: SecureMode.optional() })
  .meta({ id: 'EnvironmentPatch' });

/** Why every SDK is to take the environment anew. */
export const EpochRenewal = z.strictObject({ reason: ChangeReason }).meta({ id: 'EpochRenewal' });

export const EnvironmentView = z
  .object({
    key: Key,
    name: Name,
    epoch: z.string(),
    revision: Revision,
    historyFloor: Revision.meta({ description: 'Oldest revision that diff, revert and resume can reach.' }),
    secureMode: SecureMode,
    createdAt: Timestamp,
  })
  .meta({ id: 'Environment' });

export const EnvironmentPage = pageOf(EnvironmentView, 'EnvironmentPage');

export type ProjectInput = z.infer<typeof ProjectInput>;
export type ProjectPatch = z.infer<typeof ProjectPatch>;
export type ProjectView = z.infer<typeof ProjectView>;
export type EnvironmentInput = z.infer<typeof EnvironmentInput>;
export type EnvironmentPatch = z.infer<typeof EnvironmentPatch>;
export type EnvironmentView = z.infer<typeof EnvironmentView>;
