import { z } from 'zod';
import { Key, Name, pageOf, Timestamp } from './terms.ts';

export const ROLES = ['admin', 'editor', 'viewer'] as const;

/** A new admin key. Without `project` it opens every project. */
export const AdminKeyInput = z
  .strictObject({
    name: Name,
    role: z.enum(ROLES),
    project: Key.optional(),
    expiresAt: Timestamp.optional(),
  })
  .meta({ id: 'AdminKeyInput' });

/** A new SDK key of an environment. */
export const SdkKeyInput = z
  .strictObject({ name: Name, kind: z.enum(['server', 'client']), expiresAt: Timestamp.optional() })
  .meta({ id: 'SdkKeyInput' });

export const KeyView = z
  .object({
    id: z.string(),
    kind: z.enum(['admin', 'server', 'client']),
    name: Name,
    hint: z.string().meta({ description: 'How the key starts, to tell keys apart: `dim_srv_aB3d…`.' }),
    role: z.enum(ROLES).nullable(),
    project: Key.nullable(),
    environment: Key.nullable(),
    createdAt: Timestamp,
    expiresAt: Timestamp.nullable(),
  })
  .meta({ id: 'ApiKey' });

/** Shown once: the server keeps only a hash. */
export const IssuedKeyView = KeyView.extend({
  secret: z.string().nullable().meta({
    description: 'The key itself, shown once; null when an Idempotency-Key repeats the request.',
  }),
}).meta({ id: 'IssuedKey' });

export const KeyPage = pageOf(KeyView, 'ApiKeyPage');

export type Role = (typeof ROLES)[number];
export type AdminKeyInput = z.infer<typeof AdminKeyInput>;
export type SdkKeyInput = z.infer<typeof SdkKeyInput>;
export type KeyView = z.infer<typeof KeyView>;
