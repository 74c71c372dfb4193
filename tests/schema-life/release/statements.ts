import type { Shape } from '../changes/change.ts';

/** All that a release says to its table; doing any of it twice is doing it once. */
export interface Statements {
  readonly update: string;
  readonly upsert: string;
  readonly remove: string;
  readonly read: string;
}

export function statementsOf({ table, columns }: Shape): Statements {
  const names = Object.keys(columns);
  const parameters = names.map((_, place) => `$${place + 2}`);
  const assigned = names.map((name, place) => `${name} = ${parameters[place]}`).join(', ');
  const taken = names.map((name) => `${name} = excluded.${name}`).join(', ');
  return {
    update: `UPDATE ${table} SET ${assigned} WHERE id = $1`,
    upsert: `INSERT INTO ${table} (id, ${names.join(', ')}) VALUES ($1, ${parameters.join(', ')}) ON CONFLICT (id) DO UPDATE SET ${taken}`,
    remove: `DELETE FROM ${table} WHERE id = $1`,
    read: `SELECT ${names.map((name) => `${name}::text`).join(', ')} FROM ${table} WHERE id = $1`,
  };
}
