import { constraintDefinition } from '../../effects/column-definition.ts';
import { inAlterTable, type Rule } from '../rule.ts';

export const addExclusion: Rule = {
  name: 'add-exclusion',
  severity: 'error',
  title: 'An exclusion constraint is built under a lock',
  why: 'Its index cannot be built CONCURRENTLY: nobody can read or write the table until it is. A copy of the table that has it from the beginning is the way that exists.',
  bad: 'ALTER TABLE bookings ADD CONSTRAINT one_at_a_time EXCLUDE USING gist (during WITH &&);',
  good: 'CREATE TABLE bookings_next (during tsrange, EXCLUDE USING gist (during WITH &&));',
  find: (context) =>
    inAlterTable(context, 'AT_AddConstraint', (command, table) => {
      const constraint = constraintDefinition(command);
      if (constraint?.contype !== 'CONSTR_EXCLUSION') return null;
      return {
        message: `nobody can use ${table} until the index of ${constraint.conname ?? 'the constraint'} is built`,
        relation: table,
      };
    }),
};
