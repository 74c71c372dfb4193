import type pg from 'pg';

/**
 * The method of pgroll, written from a description of it: the row itself carries whether it is done, a
 * trigger does the work, and batches of 1,000 rows are touched so that it fires. Each batch is a
 * statement that looks for its rows and a commit that waits for the disk. One trigger; pgroll has a
 * second one for the way back, and views, which both are left out in its favour.
 */
export interface TriggerRun {
  readonly rows: number;
  readonly seconds: number;
  readonly finished: boolean;
}

const BATCH_ROWS = 1_000;

export async function expandByTrigger(client: pg.Client): Promise<void> {
  await client.query(
    'ALTER TABLE customers ADD COLUMN new_email text, ADD COLUMN needs_backfill boolean DEFAULT true',
  );
  await client.query(`CREATE FUNCTION fill_email() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('search_path') <> 'app_7' THEN NEW.new_email := NEW.mail; END IF;
  NEW.needs_backfill := false;
  RETURN NEW;
END $$`);
  await client.query(
    'CREATE TRIGGER fill_email BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION fill_email()',
  );
}

const NEXT = `
WITH batch AS (
  SELECT id FROM customers WHERE needs_backfill AND id > $1 ORDER BY id LIMIT ${BATCH_ROWS} FOR NO KEY UPDATE
), touched AS (
  UPDATE customers SET id = customers.id FROM batch WHERE customers.id = batch.id RETURNING customers.id
)
SELECT count(*)::int AS rows, max(id)::text AS last FROM touched`;

export async function backfillByTrigger(
  client: pg.Client,
  { analyze, limitSeconds }: { readonly analyze: boolean; readonly limitSeconds: number },
): Promise<TriggerRun> {
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1_000;
  if (analyze) await client.query('ANALYZE customers');
  let [rows, last] = [0, '0'];
  while (seconds() < limitSeconds) {
    const { rows: found } = await client.query<{ rows: number; last: string | null }>(NEXT, [last]);
    const [batch] = found;
    if (!batch || batch.last === null) return { rows, seconds: seconds(), finished: true };
    [rows, last] = [rows + batch.rows, batch.last];
  }
  return { rows, seconds: seconds(), finished: false };
}

/** How PostgreSQL looks for a batch: what decides this method's speed. */
export async function planByTrigger(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(
    `EXPLAIN (COSTS OFF) ${NEXT.replace('$1', '0')}`,
  );
  return rows.map((row) => row['QUERY PLAN']);
}
