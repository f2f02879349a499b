import type { ProjectState } from '../../environments/environment.ts';
import type { Catalog } from '../catalog.ts';
import { EMPTY_CATALOG } from '../catalog.ts';
import type { DraftRecord } from '../draft-record.ts';
import type { DamageListener } from '../rows/damage.ts';
import type { Database } from './connections.ts';
import { inTransaction } from './connections.ts';
import { EnvironmentIds } from './environment-ids.ts';
import { loadCatalog, loadProject, stampOfCatalog, stampOfProject } from './load-state.ts';
import { StateCache } from './state-cache.ts';

/** The key of the one catalog. */
const CATALOG = 'catalog';

/** What a transaction has written, with the stamps that the rows carry now. */
export interface StampedRecord {
  readonly record: DraftRecord;
  readonly projectStamp: number;
  readonly catalogStamp: number;
}

/**
 * What one server remembers of the rows: the catalog and the states of projects, with the stamps that they had, and ids of
 * environments. A state is used only where the row still says its stamp, in the same process of PostgreSQL.
 */
export class Remembered {
  readonly ids = new EnvironmentIds();
  readonly #states = new StateCache<ProjectState>();
  readonly #catalogs = new StateCache<Catalog>();
  readonly #onDamage: DamageListener;
  /** Which process of PostgreSQL it was read from. */
  #server: string | undefined;

  constructor(onDamage: DamageListener) {
    this.#onDamage = onDamage;
  }

  /** Whatever was read from another process of PostgreSQL is forgotten: its rows may have had commits that these lack. */
  meet(server: string): void {
    if (server === this.#server) return;
    this.#server = server;
    this.#states.clear();
    this.#catalogs.clear();
    this.ids.clear();
  }

  /** The catalog as it is now. */
  async catalog(database: Database): Promise<Catalog> {
    const catalog = await this.#catalogs.since(CATALOG, await stampOfCatalog(database), () =>
      inTransaction(database, 'snapshot', () => loadCatalog(database)),
    );
    return catalog ?? EMPTY_CATALOG;
  }

  /** A project as it is now. */
  async project(database: Database, key: string): Promise<ProjectState | undefined> {
    const stamp = await stampOfProject(database, key);
    if (stamp === undefined) return undefined;
    return this.#states.since(key, stamp, () =>
      inTransaction(database, 'snapshot', () =>
        loadProject(database, key, this.#states.latest(key), this.#onDamage),
      ),
    );
  }

  /** The catalog at a stamp that is locked. */
  async catalogAt(database: Database, stamp: number): Promise<Catalog> {
    const known = this.#catalogs.at(CATALOG, stamp);
    if (known !== undefined) return known;
    const loaded = await loadCatalog(database);
    this.#catalogs.put(CATALOG, loaded);
    return loaded.value;
  }

  /** A project at a stamp that is locked: brought up to date from the rows where what is here is older. */
  async projectAt(
    database: Database,
    key: string,
    stamp: number | undefined,
  ): Promise<ProjectState | undefined> {
    if (stamp === undefined) return undefined;
    const known = this.#states.at(key, stamp);
    if (known !== undefined) return known;
    const loaded = await loadProject(database, key, this.#states.latest(key), this.#onDamage);
    if (loaded !== undefined) this.#states.put(key, loaded);
    return loaded?.value;
  }

  /** Takes over what a transaction has written and committed. */
  advance({ record, projectStamp, catalogStamp }: StampedRecord): void {
    this.#catalogs.put(CATALOG, { stamp: catalogStamp, value: record.catalog });
    if (record.project !== null && record.state !== undefined) {
      this.#states.put(record.project, { stamp: projectStamp, value: record.state });
    }
  }
}
