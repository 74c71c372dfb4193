import { relationName, stringsOf } from '../sql/names.ts';
import { type Statement, statementAs } from '../sql/statement.ts';

/** Tables, views, indexes and sequences that these statements create. */
export function createdBy(statements: readonly Statement[]): ReadonlySet<string> {
  return new Set(statements.flatMap(namesOf));
}

function namesOf(statement: Statement): readonly string[] {
  const created = statementAs(statement, 'CreateStmt');
  // IF NOT EXISTS may find one that is in use.
  if (created) return created.if_not_exists ? [] : [relationName(created.relation)];
  const selected = statementAs(statement, 'CreateTableAsStmt');
  if (selected) return selected.if_not_exists ? [] : [relationName(selected.into?.rel)];
  const view = statementAs(statement, 'ViewStmt');
  if (view) return view.replace ? [] : [relationName(view.view)];
  const index = statementAs(statement, 'IndexStmt');
  if (index) return [index.idxname ?? ''];
  const sequence = statementAs(statement, 'CreateSeqStmt');
  if (sequence) return [relationName(sequence.sequence)];
  const schema = statementAs(statement, 'CreateSchemaStmt');
  if (schema) return [schema.schemaname ?? ''];
  return stringsOf(statementAs(statement, 'CreateEnumStmt')?.typeName);
}
