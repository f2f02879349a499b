import { digestOfAll } from '@dimmer/schema';
import type { ImageRow } from '../storage/image.ts';

/** Where an environment stands, as its rows say. */
export interface EnvironmentFacts {
  readonly project: string;
  readonly environment: string;
  readonly epoch: string;
  readonly revision: number;
  /** Of what SDKs receive at this revision. */
  readonly digest: number;
}

/** Looks at rows as they pass by, and tells in the end whether they agree. */
export interface ImageCheck {
  add(row: ImageRow): void;
  /** What does not agree, a sentence each; nothing where all does. */
  faults(): readonly string[];
  environments(): readonly EnvironmentFacts[];
  count(): number;
}

type Row<Table extends ImageRow['table']> = Extract<ImageRow, { table: Table }>['row'];

/** `null` is a tombstone. */
interface Place {
  readonly version: number;
  readonly isServed: boolean;
}

interface Ledger {
  readonly row: Row<'environments'>;
  /** What SDKs receive. */
  readonly served: Map<string, Place>;
  /** What the change log says that they receive: the last that it tells of each object. */
  readonly logged: Map<string, Place>;
  lastRevision: number;
}

/**
 * Checks that the definitions of every environment are what its change log made of them, and that the log has every
 * revision. In memory is one entry per object, however long the history.
 */
export function createImageCheck(): ImageCheck {
  const ledgers = new Map<number, Ledger>();
  const faults = new Set<string>();
  let count = 0;

  function ledgerOf(environment: number, table: string): Ledger | undefined {
    const ledger = ledgers.get(environment);
    if (ledger === undefined)
      faults.add(`Rows of ${table} belong to environment ${environment}, which is not there.`);
    return ledger;
  }

  function addChange({ environment, revision }: Row<'changes'>): void {
    const ledger = ledgerOf(environment, 'changes');
    if (ledger === undefined) return;
    if (revision !== ledger.lastRevision + 1) {
      faults.add(`The log of ${nameOf(ledger)} has revision ${revision} after ${ledger.lastRevision}.`);
    }
    ledger.lastRevision = revision;
  }

  function addObject({ environment, kind, key, revision, definition }: Row<'changedObjects'>): void {
    const isServed = definition !== null;
    ledgerOf(environment, 'changedObjects')?.logged.set(`${kind}/${key}`, { version: revision, isServed });
  }

  return {
    add(row) {
      count += 1;
      if (row.table === 'environments') {
        ledgers.set(row.row.id, {
          row: row.row,
          served: new Map(),
          logged: new Map(),
          lastRevision: row.row.historyFloor,
        });
      } else if (row.table === 'definitions') {
        const { environment, kind, key, version, document } = row.row;
        const place = { version, isServed: document !== null };
        ledgerOf(environment, 'definitions')?.served.set(`${kind}/${key}`, place);
      } else if (row.table === 'changes') addChange(row.row);
      else if (row.table === 'changedObjects') addObject(row.row);
    },
    faults: () => [...faults, ...[...ledgers.values()].flatMap(faultsOf)],
    environments: () => [...ledgers.values()].map(factsOf),
    count: () => count,
  };
}

function faultsOf(ledger: Ledger): string[] {
  const { row, lastRevision } = ledger;
  const atHead =
    lastRevision === row.revision
      ? []
      : [`${nameOf(ledger)} is at revision ${row.revision}, and its log ends with ${lastRevision}.`];
  const [served, logged] = [digestOf(ledger.served), digestOf(placesByLog(ledger))];
  return served === logged
    ? atHead
    : [...atHead, `${nameOf(ledger)} serves what has digest ${served}, and its log tells of ${logged}.`];
}

/** Objects that have not changed since the floor of the history are as they were; all others as the log says. */
function placesByLog({ row, served, logged }: Ledger): Map<string, Place> {
  const untouched = [...served].filter(([, { version }]) => version <= row.historyFloor);
  return new Map([...untouched, ...logged]);
}

function factsOf({ row, served }: Ledger): EnvironmentFacts {
  const { project, key: environment, epoch, revision } = row;
  return { project, environment, epoch, revision, digest: digestOf(served) };
}

function digestOf(places: ReadonlyMap<string, Place>): number {
  const objects = [...places].filter(([, { isServed }]) => isServed);
  return digestOfAll(
    objects.map(([name, { version }]) => {
      const slash = name.indexOf('/');
      return { kind: name.slice(0, slash), key: name.slice(slash + 1), version };
    }),
  );
}

function nameOf({ row }: Ledger): string {
  return `${row.project}/${row.key}`;
}
