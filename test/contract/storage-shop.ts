import type { EnvironmentRef, ProjectState } from '../../server/src/environments/environment.ts';
import type { Draft, Storage } from '../../server/src/storage/storage.ts';
import type { Step } from './draft-builder.ts';
import { commitDraft, projectDraft } from './draft-builder.ts';
import type { StorageSubject } from './storage-subject.ts';
import { projectOf, write } from './storage-subject.ts';

export const SHOP = 'shop';
export const PRODUCTION: EnvironmentRef = { project: SHOP, environment: 'production' };
export const STAGING: EnvironmentRef = { project: SHOP, environment: 'staging' };

/** The storage of the running test, with one project of two environments in it. */
export class Shop {
  #subject: StorageSubject | undefined;

  /** Makes a fresh storage the one under test. */
  async open(open: () => Promise<StorageSubject>): Promise<void> {
    this.#subject = await open();
    await write(this.storage, null, () => projectDraft(SHOP, ['production', 'staging']));
  }

  get subject(): StorageSubject {
    if (this.#subject === undefined) throw new Error('no storage is open');
    return this.#subject;
  }

  get storage(): Storage {
    return this.subject.storage;
  }

  /** Takes environments one revision further. */
  async commit(
    steps: readonly Step[],
    parts: Partial<Draft> = {},
    environments: readonly string[] = ['production'],
  ): Promise<void> {
    await write(this.storage, SHOP, (world) => commitDraft(projectOf(world), environments, steps, parts));
  }

  async state(): Promise<ProjectState> {
    const state = await this.storage.read(SHOP);
    if (state === undefined) throw new Error('the project is gone');
    return state;
  }

  async revisionOf(environment: string): Promise<number | undefined> {
    return (await this.state()).environments.get(environment)?.revision;
  }
}
