import pg from 'pg';

/** Takes away what keeps two shapes equal: then this suite must find rows that differ. */
export async function dropTriggers(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client
    .query(`DO $$ DECLARE it record; BEGIN
      FOR it IN SELECT tgname, tgrelid::regclass AS relation FROM pg_trigger WHERE tgname LIKE 'zz\\_holdfast\\_%' LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', it.tgname, it.relation);
      END LOOP; END $$`)
    .finally(() => client.end());
}
