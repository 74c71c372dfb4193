import { altered } from '../../effects/alter-table.ts';
import { constraintDefinition } from '../../effects/column-definition.ts';
import { isProvedNotNull } from '../../effects/proofs.ts';
import { quoteName, relationName, stringsOf } from '../../sql/names.ts';
import { type Statement, statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

/** What binds whoever writes, while a release that does not know of it still does. */
export const bindsWriters: Rule = {
  name: 'binds-writers',
  severity: 'warning',
  title: 'The release that runs must keep a rule that it does not know',
  why: 'From now on a row that breaks it is refused, whichever release writes it: statements of the one before fail in the middle of a rollout, and after a rollback. Bind writers in the contract phase, when every release that is kept obeys.',
  bad: 'ALTER TABLE orders ADD CONSTRAINT orders_price_check CHECK (price > 0) NOT VALID;',
  good: 'ALTER TABLE orders ADD CONSTRAINT orders_price_check CHECK (price > 0) NOT VALID;',
  goodPhase: 'contract',
  find: ({ statement, phase, before, catalog }) => {
    if (phase === 'contract') return null;
    const bond = bondOf(statement);
    // What a CHECK proves already is obeyed already.
    if (
      !bond ||
      bond.columns.some((column) => bond.isNotNull && isProvedNotNull(catalog.table(bond.table), column))
    )
      return null;
    const added = before.flatMap(columnsAdded);
    // Of a column that the file adds the old release knows nothing, so it writes nothing into it.
    const fresh =
      bond.columns.length > 0 && bond.columns.every((column) => added.includes(`${bond.table}.${column}`));
    if (fresh) return null;
    return {
      message: `the release that runs may write rows of ${bond.table} that ${bond.name} refuses; add it in the contract phase`,
      relation: bond.table,
    };
  },
};

interface Bond {
  readonly table: string;
  readonly name: string;
  readonly columns: readonly string[];
  readonly isNotNull?: boolean;
}

function bondOf(statement: Statement): Bond | null {
  const index = statementAs(statement, 'IndexStmt');
  if (index?.unique)
    return {
      table: relationName(index.relation),
      name: quoteName(index.idxname ?? 'the unique index'),
      columns: (index.indexParams ?? []).flatMap((node) =>
        'IndexElem' in node ? (node.IndexElem.name ?? []) : [],
      ),
    };
  const alters = statementAs(statement, 'AlterTableStmt');
  if (!alters) return null;
  const table = relationName(alters.relation);
  for (const command of altered(alters)) {
    if (command.subtype === 'AT_SetNotNull')
      return {
        table,
        name: `NOT NULL of ${command.name}`,
        columns: command.name ? [command.name] : [],
        isNotNull: true,
      };
    const constraint = command.subtype === 'AT_AddConstraint' ? constraintDefinition(command) : null;
    const kind = KINDS[constraint?.contype ?? ''];
    if (!constraint || !kind || constraint.is_enforced === false) continue;
    const named = [...stringsOf(constraint.keys), ...stringsOf(constraint.fk_attrs)];
    const columns = named.length > 0 ? named : columnsIn(constraint.raw_expr);
    return { table, name: constraint.conname ?? kind, columns };
  }
  return null;
}

const KINDS: Readonly<Record<string, string>> = {
  CONSTR_CHECK: 'the CHECK',
  CONSTR_UNIQUE: 'the unique key',
  CONSTR_PRIMARY: 'the primary key',
  CONSTR_FOREIGN: 'the foreign key',
  CONSTR_EXCLUSION: 'the exclusion',
};

function columnsIn(expression: unknown): readonly string[] {
  const found = JSON.stringify(expression ?? null).matchAll(
    /"ColumnRef":\{"fields":\[(?:\{"String":\{"sval":"[^"]*"\}\},)*\{"String":\{"sval":"([^"]*)"\}\}\]/g,
  );
  return [...found].map((match) => match[1] ?? '');
}

function columnsAdded(statement: Statement): readonly string[] {
  const alters = statementAs(statement, 'AlterTableStmt');
  if (!alters) return [];
  return altered(alters).flatMap(({ subtype, def }) =>
    subtype === 'AT_AddColumn' && def && 'ColumnDef' in def
      ? [`${relationName(alters.relation)}.${def.ColumnDef.colname}`]
      : [],
  );
}
