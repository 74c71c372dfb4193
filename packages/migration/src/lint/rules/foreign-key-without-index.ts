import { constraintDefinition } from '../../effects/column-definition.ts';
import { quoteName, quoteRelation, relationName, stringsOf } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import { constraintName } from '../constraint-name.ts';
import { inAlterTable, type Rule, type RuleContext } from '../rule.ts';

export const foreignKeyWithoutIndex: Rule = {
  name: 'foreign-key-without-index',
  severity: 'warning',
  title: 'A foreign key whose columns have no index',
  why: 'Each delete or key change on the other table reads this one from end to end.',
  bad: 'ALTER TABLE orders ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES customers (id) NOT VALID;',
  good: `CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);
ALTER TABLE orders ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES customers (id) NOT VALID;`,
  find: (context) =>
    inAlterTable(context, 'AT_AddConstraint', (command, table) => {
      const constraint = constraintDefinition(command);
      if (constraint?.contype !== 'CONSTR_FOREIGN') return null;
      const [first = ''] = stringsOf(constraint.fk_attrs);
      const live = context.catalog
        .table(table)
        ?.indexes.some(({ columns, valid }) => valid && columns[0] === first);
      if (live || isIndexedBefore(context, table, first)) return null;
      const index = `CREATE INDEX CONCURRENTLY ${quoteName(constraintName(table, first, 'idx'))} ON ${quoteRelation(table)} (${quoteName(first)})`;
      return {
        message: `deletes on ${relationName(constraint.pktable)} read ${table} from end to end: no index begins with ${first}`,
        relation: table,
        instead: { expand: [index] },
      };
    }),
};

function isIndexedBefore({ before }: RuleContext, table: string, column: string): boolean {
  return before.some((statement) => {
    const index = statementAs(statement, 'IndexStmt');
    const [first] = index?.indexParams ?? [];
    return (
      relationName(index?.relation) === table &&
      first !== undefined &&
      'IndexElem' in first &&
      first.IndexElem.name === column
    );
  });
}
