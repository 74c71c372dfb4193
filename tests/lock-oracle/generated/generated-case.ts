import { Random } from '../../simulation/random.ts';
import type { Case } from '../case.ts';
import { randomChange } from './random-change.ts';
import { randomTables } from './random-tables.ts';

/** The same seed gives the same tables and the same statement. */
export function generatedCase(seed: number): Case {
  const random = new Random(seed);
  const { sql, tables } = randomTables(random);
  const statement = randomChange(random, random.pick(tables));
  return { name: `seed ${seed}`, setup: sql, statement, since: 0, origin: 'generated' };
}
