import type { Queryable } from '../database.ts';

/** Who said yes to exactly this content in this environment. A token counts once. */
export interface Approval {
  readonly name: string;
  readonly at: Date;
}

export async function approve(
  sql: Queryable,
  given: {
    readonly environment: string;
    readonly digest: string;
    readonly token: string;
    readonly name: string;
  },
): Promise<void> {
  await sql.query(
    'INSERT INTO approval (environment_id, digest, token_id, name) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
    [given.environment, given.digest, given.token, given.name],
  );
}

export async function approvalsOf(
  sql: Queryable,
  environmentId: string,
  digest: string,
): Promise<readonly Approval[]> {
  const found = await sql.query<Approval>(
    'SELECT name, at FROM approval WHERE environment_id = $1 AND digest = $2 ORDER BY at',
    [environmentId, digest],
  );
  return found.rows;
}
