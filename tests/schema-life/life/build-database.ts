import pg from 'pg';
import type { Change } from '../changes/change.ts';
import { ROWS } from '../release/partition.ts';

/** The tables before the change, with rows that the old release has written. */
export async function buildDatabase(url: string, { schema, old }: Change): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(schema);
    const names = Object.keys(old.columns);
    const arrays = Object.values(old.columns).map((type, place) => `$${place + 2}::${type}[]`);
    const ids = Array.from({ length: ROWS }, (_, place) => place + 1);
    const rows = ids.map((id) => old.writes(id));
    const columns = names.map((_, place) => rows.map((row) => row[place]));
    await client.query(
      `INSERT INTO ${old.table} (id, ${names.join(', ')}) SELECT * FROM unnest($1::bigint[], ${arrays.join(', ')})`,
      [ids, ...columns],
    );
    await client.query(`VACUUM ANALYZE ${old.table}`);
  } finally {
    await client.end();
  }
}
