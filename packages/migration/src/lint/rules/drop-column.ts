import { quoteName, quoteRelation } from '../../sql/names.ts';
import { inAlterTable, type Rule } from '../rule.ts';

export const dropColumn: Rule = {
  name: 'drop-column',
  severity: 'error',
  title: 'A column is dropped while somebody may use it',
  why: 'It takes a moment, and the old release fails on its next statement that names the column, or that holds a cached plan.',
  bad: 'ALTER TABLE orders DROP COLUMN note;',
  good: 'ALTER TABLE orders DROP COLUMN note;',
  goodPhase: 'contract',
  find: (context) =>
    context.phase === 'contract'
      ? null
      : inAlterTable(context, 'AT_DropColumn', ({ name = '' }, table) => ({
          message: `the release that runs may still use ${table}.${name}`,
          relation: table,
          instead: { contract: [`ALTER TABLE ${quoteRelation(table)} DROP COLUMN ${quoteName(name)}`] },
        })),
};
