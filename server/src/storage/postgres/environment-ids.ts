import type { EnvironmentRef } from '../../environments/environment.ts';
import { nameOf } from '../../environments/environment.ts';
import type { Database } from './connections.ts';
import { findEnvironment } from './find-environment.ts';

/** Ids of environments, which never change: each is read once. Not for use before a new one is committed. */
export class EnvironmentIds {
  readonly #ids = new Map<string, number>();

  /** Forgets them: the rows may have gone back, and others come in their place. */
  clear(): void {
    this.#ids.clear();
  }

  /** @returns `undefined` where there is no such environment. */
  async find(database: Database, ref: EnvironmentRef): Promise<number | undefined> {
    const name = nameOf(ref);
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const row = await findEnvironment(database, ref);
    if (row !== undefined) this.#ids.set(name, row.id);
    return row?.id;
  }
}
