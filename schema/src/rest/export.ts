import { z } from 'zod';
import { ChangeView, StateView } from './changes.ts';
import { Description, Key, Name, Revision, Timestamp } from './terms.ts';

/** The first field of every file that `dimmer export` writes. */
export const EXPORT_FORMAT = 'dimmer-export';

/** The form of the file. A reader refuses one that is higher than it knows. */
export const EXPORT_VERSION = 1;

const { flags, segments } = StateView.shape;
const StateFlag = flags.element;

const ExportedFlag = StateFlag.omit({ configuration: true })
  .strict()
  .meta({ id: 'ExportedFlag', description: 'What a flag is in every environment.' });

const ExportedConfiguration = StateFlag.shape.configuration
  .unwrap()
  .extend({ flag: Key })
  .strict()
  .meta({ id: 'ExportedConfiguration', description: 'How a flag behaves in one environment, and its kill.' });

const ExportedEnvironment = z
  .strictObject({
    key: Key,
    name: Name,
    secureMode: z.boolean(),
    configurations: z.array(ExportedConfiguration),
    segments,
    history: z.array(ChangeView).optional().meta({
      description:
        'Its revisions, oldest first, as far as they are kept. For the record: it is not imported.',
    }),
  })
  .meta({ id: 'ExportedEnvironment' });

const ExportedProject = z
  .strictObject({
    key: Key,
    name: Name,
    description: Description,
    flags: z.array(ExportedFlag),
    environments: z.array(ExportedEnvironment),
  })
  .meta({ id: 'ExportedProject' });

/** What `dimmer export` writes and `dimmer import` reads; docs/moving.md tells of it. */
export const ExportFile = z
  .strictObject({
    format: z.literal(EXPORT_FORMAT),
    version: z.literal(EXPORT_VERSION),
    exported: z
      .strictObject({
        at: Timestamp,
        from: z.string().meta({ description: 'Address of the server.' }),
        revisions: z.record(z.string(), Revision).meta({
          description: 'Which revision of each environment this is, by `project/environment`.',
        }),
      })
      .meta({ description: 'For the record.' }),
    projects: z.array(ExportedProject),
  })
  .meta({ id: 'ExportFile' });

export type ExportFile = z.infer<typeof ExportFile>;
export type ExportedProject = z.infer<typeof ExportedProject>;
export type ExportedEnvironment = z.infer<typeof ExportedEnvironment>;
