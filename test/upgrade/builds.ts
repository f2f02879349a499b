import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Dimmer } from '@dimmer/node';
import type { NewTables } from './suite/new-tables.ts';

/** Dimmer at one commit: the server, and both SDKs. */
export interface Build {
  readonly name: string;
  /** Where it lies, with a slash at the end. */
  readonly folder: string;
  /** What `node` runs, with `serve`. */
  readonly command: string;
  /** The Node SDK. */
  readonly sdk: () => Promise<typeof Dimmer>;
  /** A folder with the file for script tags; `undefined`: there was no browser SDK yet. */
  readonly browserSdk: string | undefined;
  /** Whether its server stores to PostgreSQL too. */
  readonly knowsPostgres: boolean;
}

/** Dimmer at an earlier commit. */
export interface RecordedBuild extends Build {
  /**
   * Describes that commit's own tests of its storage. They run on the tables that they are given.
   *
   * @param without - Files of `test/contract` that are left out.
   */
  readonly describeSuite: (tables: NewTables, without: readonly string[]) => Promise<void>;
}

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** This one. */
export const CURRENT: Build = {
  name: 'this build',
  folder: at('../../server/'),
  command: at('../../server/bin/dimmer.js'),
  sdk: async () => Dimmer,
  browserSdk: at('../../sdk-browser/dist/'),
  knowsPostgres: true,
};

/** Earlier ones, as `recorded/README.md` says, the oldest first. */
export const RECORDED: readonly RecordedBuild[] = ['6b5915c', '3c3c88b', '39682ba'].map(recordedBuild);

function recordedBuild(commit: string): RecordedBuild {
  const folder = at(`./recorded/${commit}/`);
  return {
    name: commit,
    folder,
    command: `${folder}server.mjs`,
    sdk: async () => {
      // A bundle has no types; what this build calls of it has been there from the first commit on.
      const bundle = (await import(/* @vite-ignore */ `${folder}sdk-node.mjs`)) as { Dimmer: typeof Dimmer };
      return bundle.Dimmer;
    },
    browserSdk: existsSync(`${folder}dimmer.global.js`) ? folder : undefined,
    knowsPostgres: existsSync(`${folder}migrations/postgres`),
    describeSuite: async (tables, without) => {
      const suite = (await import(/* @vite-ignore */ `${folder}storage-suite.mjs`)) as Pick<
        RecordedBuild,
        'describeSuite'
      >;
      await suite.describeSuite(tables, without);
    },
  };
}
