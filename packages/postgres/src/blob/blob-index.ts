import type { Queryable } from '../database.ts';

/** Which blobs exist and since when nobody renewed them. Deletion is two-phase (protocol §8). */
export async function renewBlob(sql: Queryable, digest: string, bytes: number): Promise<void> {
  await sql.query(
    `INSERT INTO blob (digest, bytes) VALUES ($1, $2)
     ON CONFLICT (digest) DO UPDATE SET renewed_at = clock_timestamp(), doomed_at = NULL`,
    [digest, bytes],
  );
}

/** What must stay: releases, artifacts, sources and checkpoints of unfinished or recent runs. */
const ROOTS = `
  SELECT artifact_digest FROM release UNION SELECT digest FROM artifact
  UNION SELECT source FROM run WHERE ended_at IS NULL OR ended_at > clock_timestamp() - interval '7 days'
  UNION SELECT unnest(checkpoint.blobs) FROM checkpoint JOIN attempt ON attempt.checkpoint = checkpoint.name
    JOIN job ON job.id = attempt.job_id WHERE job.ended_at IS NULL`;

/** Renews those that are there and says which are not, in one statement: none can be collected in between. */
export async function missingBlobs(sql: Queryable, digests: readonly string[]): Promise<readonly string[]> {
  const found = await sql.query<{ digest: string }>(
    `UPDATE blob SET renewed_at = clock_timestamp(), doomed_at = NULL
     WHERE digest IN (SELECT digest FROM blob WHERE digest = ANY ($1::text[]) ORDER BY digest FOR UPDATE) RETURNING digest`,
    [digests],
  );
  const known = new Set(found.rows.map((row) => row.digest));
  return digests.filter((digest) => !known.has(digest));
}

/** The roots of a checkpoint; refused (the missing ones are named) when part of it is not there. */
export async function keepCheckpoint(
  sql: Queryable,
  checkpoint: { readonly name: string; readonly blobs: readonly string[] },
): Promise<readonly string[]> {
  const missing = await missingBlobs(sql, checkpoint.blobs);
  if (missing.length === 0)
    await sql.query('INSERT INTO checkpoint (name, blobs) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING', [
      checkpoint.name,
      checkpoint.blobs,
    ]);
  return missing;
}

/** Checkpoints of jobs that have ended, and those that no attempt ever named. */
export async function forgetCheckpoints(sql: Queryable): Promise<void> {
  await sql.query(
    `DELETE FROM checkpoint WHERE kept_at < clock_timestamp() - interval '1 day' AND NOT EXISTS (
       SELECT 1 FROM attempt JOIN job ON job.id = attempt.job_id WHERE attempt.checkpoint = checkpoint.name AND job.ended_at IS NULL)`,
  );
}

export async function doomUnreferenced(sql: Queryable, idleHours: number): Promise<number> {
  const doomed = await sql.query(
    `UPDATE blob SET doomed_at = clock_timestamp() WHERE doomed_at IS NULL
       AND renewed_at < clock_timestamp() - $1 * interval '1 hour' AND digest NOT IN (${ROOTS})`,
    [idleHours],
  );
  return doomed.rowCount ?? 0;
}

/** Doomed a day ago, not renewed since and still unreferenced: the row goes first, then the file. */
export async function takeDoomed(sql: Queryable, afterHours: number): Promise<readonly string[]> {
  const gone = await sql.query<{ digest: string }>(
    `DELETE FROM blob WHERE doomed_at < clock_timestamp() - $1 * interval '1 hour' AND digest NOT IN (${ROOTS}) RETURNING digest`,
    [afterHours],
  );
  return gone.rows.map((row) => row.digest);
}
