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
  UNION SELECT attempt.checkpoint FROM attempt JOIN job ON job.id = attempt.job_id
    WHERE attempt.checkpoint IS NOT NULL AND job.ended_at IS NULL`;

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
