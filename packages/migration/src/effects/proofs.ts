import type { Node } from '@pgsql/types';
import { columnOf, type TableFacts } from '../catalog/catalog.ts';
import { stringsOf } from '../sql/names.ts';
import { parseSql } from '../sql/parse-sql.ts';
import { statementAs } from '../sql/statement.ts';

/** What PostgreSQL can conclude from constraints that are there, so that it need not read the rows. */

/** NOT NULL already, in the primary key, or a valid CHECK that says so of every row. */
export function isProvedNotNull(facts: TableFacts | null, column: string | undefined): boolean {
  if (!facts || !column) return false;
  const open = facts.constraints.some(
    ({ kind, validated, columns }) => kind === 'notNull' && !validated && columns.includes(column),
  );
  if (columnOf(facts, column)?.notNull && !open) return true;
  return validChecks(facts).some((test) => saysNotNull(test, column));
}

/** A valid CHECK that is exactly the bounds of a range over one column that is never null. */
export function isProvedInRange(
  facts: TableFacts | null,
  { key, from, to }: { readonly key: string; readonly from: string; readonly to: string },
): boolean {
  if (!facts || !isProvedNotNull(facts, key)) return false;
  const terms = validChecks(facts).flatMap(conjuncts);
  const has = (operator: string, value: string) =>
    terms.some((term) => 'A_Expr' in term && isComparison(term.A_Expr, { operator, key, value }));
  return has('>=', from) && has('<', to);
}

function validChecks(facts: TableFacts): readonly Node[] {
  return facts.constraints.flatMap(({ kind, validated, definition }) => {
    if (kind !== 'check' || !validated) return [];
    const [parsed] = parseSql(facts.name, `ALTER TABLE t ADD ${definition}`);
    const [command] = (parsed && statementAs(parsed, 'AlterTableStmt')?.cmds) ?? [];
    const def = command && 'AlterTableCmd' in command ? command.AlterTableCmd.def : undefined;
    return def && 'Constraint' in def && def.Constraint.raw_expr ? [def.Constraint.raw_expr] : [];
  });
}

/** The parts of an AND: each holds for every row. */
function conjuncts(test: Node): readonly Node[] {
  if ('BoolExpr' in test && test.BoolExpr.boolop === 'AND_EXPR')
    return (test.BoolExpr.args ?? []).flatMap(conjuncts);
  return [test];
}

function saysNotNull(test: Node, column: string): boolean {
  return conjuncts(test).some(
    (term) =>
      'NullTest' in term &&
      term.NullTest.nulltesttype === 'IS_NOT_NULL' &&
      term.NullTest.arg !== undefined &&
      columnIn(term.NullTest.arg) === column,
  );
}

function columnIn(node: Node): string | null {
  return 'ColumnRef' in node ? (stringsOf(node.ColumnRef.fields).at(-1) ?? null) : null;
}

function isComparison(
  { name, lexpr, rexpr }: { readonly name?: Node[]; readonly lexpr?: Node; readonly rexpr?: Node },
  { operator, key, value }: { readonly operator: string; readonly key: string; readonly value: string },
): boolean {
  return (
    stringsOf(name)[0] === operator &&
    lexpr !== undefined &&
    columnIn(lexpr) === key &&
    rexpr !== undefined &&
    constantText(rexpr) === value
  );
}

/** A constant as text, whatever it is cast to; null: it is none. */
export function constantText(node: Node | undefined): string | null {
  if (!node) return null;
  if ('TypeCast' in node) return constantText(node.TypeCast.arg);
  if (!('A_Const' in node)) return null;
  const constant = node.A_Const;
  if ('sval' in constant) return constant.sval?.sval ?? '';
  if ('ival' in constant) return String(constant.ival?.ival ?? 0);
  return 'fval' in constant ? (constant.fval?.fval ?? null) : null;
}
