import type { Rule } from '../rule.ts';
import { isOpen } from '../transaction-before.ts';

export const concurrentlyInTransaction: Rule = {
  name: 'concurrently-in-transaction',
  severity: 'error',
  title: 'CONCURRENTLY inside a transaction',
  why: 'PostgreSQL refuses it. And a transaction that the file opens is one that the executor cannot try again.',
  bad: `BEGIN;
CREATE INDEX CONCURRENTLY orders_email ON orders (email);
COMMIT;`,
  good: 'CREATE INDEX CONCURRENTLY orders_email ON orders (email);',
  find: ({ effects, before }) =>
    effects.outside && isOpen(before)
      ? {
          message: 'PostgreSQL refuses this inside a transaction block',
          relation: effects.on[0]?.relation ?? null,
        }
      : null,
};
