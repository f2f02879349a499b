import type { AlterTableCmd, ColumnDef, Constraint, Node } from 'libpg-query';
import { parse } from 'libpg-query';
import type { Finding, Migration } from './migration-file.ts';

/** One thing that a migration does: a statement, or one part of an `ALTER TABLE`. */
interface Deed {
  /** PostgreSQL's own name: `IndexStmt`, `AT_AddColumn`. */
  readonly kind: string;
  readonly node: Node;
  /** Whether a server of the version before may use the table: an earlier migration made it. */
  readonly isInUse: boolean;
  /** Whether it is all that its file does. */
  readonly isAlone: boolean;
}

interface Rule {
  readonly id: string;
  /** What to do instead. */
  readonly remedy: string;
  readonly breaks: (deed: Deed) => boolean;
}

/** Statements that are judged by a rule below, or that harm nobody. */
const KNOWN = new Set([
  ...['CreateStmt', 'CreateSeqStmt', 'IndexStmt', 'InsertStmt', 'CommentStmt'],
  ...['AT_AddColumn', 'AT_AddConstraint', 'AT_ValidateConstraint', 'AT_ColumnDefault', 'AT_DropNotNull'],
  ...['AT_SetNotNull', 'AT_AlterColumnType', 'AT_DropColumn', 'AT_DropConstraint'],
  ...['DropStmt', 'TruncateStmt', 'RenameStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'],
  ...['VariableSetStmt', 'TransactionStmt'],
]);

/** Every rule has a bad example in `lint-postgres.test.ts`. */
export const POSTGRES_RULES: readonly Rule[] = [
  {
    id: 'drop',
    remedy:
      'stop using it, and drop it one release later, with the reason that nothing reads or writes it any more',
    breaks: ({ kind }) => ['DropStmt', 'TruncateStmt', 'AT_DropColumn', 'AT_DropConstraint'].includes(kind),
  },
  {
    id: 'rename',
    remedy: 'add the new one, write both, and drop the old one later',
    breaks: ({ kind }) => kind === 'RenameStmt',
  },
  {
    id: 'change-type',
    remedy: 'add a column of the new type, write both, and drop the old one later',
    breaks: ({ kind }) => kind === 'AT_AlterColumnType',
  },
  {
    id: 'not-null',
    remedy: 'give it a constant default, or leave it nullable: servers of the version before do not know it',
    breaks: ({ kind, node, isInUse }) =>
      isInUse && (kind === 'AT_SetNotNull' || (kind === 'AT_AddColumn' && isBareNotNull(columnOf(node)))),
  },
  {
    id: 'rewrite',
    remedy: 'a constant default only: anything else writes every row while the table is locked',
    breaks: ({ kind, node, isInUse }) => isInUse && kind === 'AT_AddColumn' && rewritesTable(columnOf(node)),
  },
  {
    id: 'constraint',
    remedy:
      'add it NOT VALID, and VALIDATE CONSTRAINT in the next migration; no UNIQUE, which the version before may break',
    breaks: ({ kind, node, isInUse }) => isInUse && addsCheckedConstraint(kind, node),
  },
  {
    id: 'index-locks',
    remedy: 'CREATE INDEX CONCURRENTLY: writes wait for any other',
    breaks: ({ kind, node, isInUse }) => isInUse && kind === 'IndexStmt' && indexOf(node).concurrent !== true,
  },
  {
    id: 'index-unique',
    remedy: 'an index that is not unique: servers of the version before may write what it refuses',
    breaks: ({ kind, node, isInUse }) => isInUse && kind === 'IndexStmt' && indexOf(node).unique === true,
  },
  {
    id: 'index-alone',
    remedy: 'put CREATE INDEX CONCURRENTLY into a file of its own: it cannot run in a transaction',
    breaks: ({ kind, node, isAlone }) =>
      !isAlone && kind === 'IndexStmt' && indexOf(node).concurrent === true,
  },
  {
    id: 'rows',
    remedy: 'let servers write rows anew as they use them, or in batches after the upgrade',
    breaks: ({ kind, isInUse }) => isInUse && ['UpdateStmt', 'DeleteStmt', 'MergeStmt'].includes(kind),
  },
  {
    id: 'settings',
    remedy: 'take it out: the migrator sets lock_timeout and the like',
    breaks: ({ kind }) => kind === 'VariableSetStmt',
  },
  {
    id: 'transaction',
    remedy: 'take it out: each file is one transaction',
    breaks: ({ kind }) => kind === 'TransactionStmt',
  },
  {
    id: 'unknown',
    remedy: 'teach test/upgrade/migrations/lint-postgres.ts what it does to servers that run',
    breaks: ({ kind }) => !KNOWN.has(kind),
  },
];

/**
 * Judges the migrations of PostgreSQL with PostgreSQL's own grammar.
 *
 * @param migrations - All of them, in order: the first ones make the tables that later ones must be careful with.
 * @returns What each of them breaks, exceptions not yet taken.
 */
export async function lintPostgres(
  migrations: readonly Migration[],
): Promise<ReadonlyMap<Migration, readonly Finding[]>> {
  const inUse = new Set<string>();
  const found = new Map<Migration, readonly Finding[]>();
  for (const migration of migrations) {
    const statements = await statementsOf(migration);
    const deeds = statements.flatMap((node) => deedsOf(node, inUse, statements.length === 1));
    found.set(migration, deeds.flatMap(findingsOf));
    for (const node of statements) {
      const made = 'CreateStmt' in node ? node.CreateStmt.relation?.relname : undefined;
      if (made !== undefined) inUse.add(made);
    }
  }
  return found;
}

async function statementsOf({ statements }: Migration): Promise<readonly Node[]> {
  const { stmts = [] } = await parse(statements.map((statement) => statement.replace(/;?$/, ';')).join('\n'));
  return stmts.flatMap(({ stmt }) => (stmt === undefined ? [] : [stmt]));
}

function deedsOf(node: Node, inUse: ReadonlySet<string>, isAlone: boolean): readonly Deed[] {
  const [kind = ''] = Object.keys(node);
  const [fields = {}] = Object.values(node) as { readonly relation?: { readonly relname?: string } }[];
  const isInUse = inUse.has(fields.relation?.relname ?? '');
  if (!('AlterTableStmt' in node)) return [{ kind, node, isInUse, isAlone }];
  return (node.AlterTableStmt.cmds ?? []).map((command) => ({
    kind: String(commandOf(command).subtype),
    node: command,
    isInUse,
    isAlone,
  }));
}

function findingsOf(deed: Deed): readonly Finding[] {
  const broken = POSTGRES_RULES.filter(({ breaks }) => breaks(deed));
  return broken.map(({ id, remedy }) => ({ rule: id, problem: `${deed.kind}; ${remedy}` }));
}

function isBareNotNull(column: ColumnDef): boolean {
  const kinds = constraintsOf(column).map(({ contype }) => contype);
  return kinds.includes('CONSTR_NOTNULL') && !kinds.includes('CONSTR_DEFAULT');
}

/** A default that is the same for every row is kept in the catalog; any other is written into every row. */
function rewritesTable(column: ColumnDef): boolean {
  const typeNames = (column.typeName?.names ?? []).map((name) => ('String' in name ? name.String.sval : ''));
  if (typeNames.some((name) => name?.endsWith('serial'))) return true;
  return constraintsOf(column).some(({ contype, raw_expr: expression }) => {
    if (contype === 'CONSTR_IDENTITY' || contype === 'CONSTR_GENERATED') return true;
    return contype === 'CONSTR_DEFAULT' && expression !== undefined && !isConstant(expression);
  });
}

function isConstant(expression: Node): boolean {
  if ('TypeCast' in expression)
    return expression.TypeCast.arg !== undefined && isConstant(expression.TypeCast.arg);
  return 'A_Const' in expression;
}

const CHECKED = ['CONSTR_UNIQUE', 'CONSTR_PRIMARY', 'CONSTR_CHECK', 'CONSTR_FOREIGN', 'CONSTR_EXCLUSION'];

function addsCheckedConstraint(kind: string, node: Node): boolean {
  if (kind === 'AT_AddColumn') {
    return constraintsOf(columnOf(node)).some(({ contype }) => CHECKED.includes(String(contype)));
  }
  if (kind !== 'AT_AddConstraint') return false;
  const { def } = commandOf(node);
  const constraint = def !== undefined && 'Constraint' in def ? def.Constraint : {};
  return CHECKED.includes(String(constraint.contype)) && constraint.skip_validation !== true;
}

function constraintsOf(column: ColumnDef): readonly Constraint[] {
  return (column.constraints ?? []).flatMap((each) => ('Constraint' in each ? [each.Constraint] : []));
}

function columnOf(node: Node): ColumnDef {
  const { def } = commandOf(node);
  return def !== undefined && 'ColumnDef' in def ? def.ColumnDef : {};
}

function commandOf(node: Node): AlterTableCmd {
  return 'AlterTableCmd' in node ? node.AlterTableCmd : {};
}

function indexOf(node: Node): { readonly concurrent?: boolean; readonly unique?: boolean } {
  return 'IndexStmt' in node ? node.IndexStmt : {};
}
