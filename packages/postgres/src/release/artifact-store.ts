import type { Envelope } from '@holdfast/core/release/attestation.ts';
import type { Queryable } from '../database.ts';

export interface ArtifactRow {
  readonly id: string;
  readonly name: string;
  readonly digest: string;
  readonly bytes: number;
  readonly run_id: string | null;
  readonly job_id: string | null;
  readonly commit: string | null;
  readonly envelope: Envelope;
  readonly created_at: Date;
}

/** The same bytes under the same name are the same artifact: the first statement stands. */
export async function insertArtifact(
  sql: Queryable,
  artifact: Omit<ArtifactRow, 'created_at'>,
): Promise<ArtifactRow> {
  const kept = await sql.query<ArtifactRow>(
    `INSERT INTO artifact (id, name, digest, bytes, run_id, job_id, commit, envelope) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (name, digest) DO UPDATE SET name = artifact.name RETURNING *`,
    [
      artifact.id,
      artifact.name,
      artifact.digest,
      artifact.bytes,
      artifact.run_id,
      artifact.job_id,
      artifact.commit,
      JSON.stringify(artifact.envelope),
    ],
  );
  return kept.rows[0] as ArtifactRow;
}

export async function findArtifact(
  sql: Queryable,
  name: string,
  digest: string,
): Promise<ArtifactRow | null> {
  return (
    (await sql.query<ArtifactRow>('SELECT * FROM artifact WHERE name = $1 AND digest = $2', [name, digest]))
      .rows[0] ?? null
  );
}

export async function listArtifacts(
  sql: Queryable,
  page: { readonly limit: number; readonly before: string | null; readonly name: string | null },
): Promise<readonly ArtifactRow[]> {
  const found = await sql.query<ArtifactRow>(
    'SELECT * FROM artifact WHERE ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR name = $3) ORDER BY id DESC LIMIT $1',
    [page.limit, page.before, page.name],
  );
  return found.rows;
}
