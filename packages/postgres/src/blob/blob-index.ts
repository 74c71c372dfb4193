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
const UNREFERENCED = `
  NOT EXISTS (SELECT 1 FROM release WHERE artifact_digest = blob.digest)
  AND NOT EXISTS (SELECT 1 FROM artifact WHERE artifact.digest = blob.digest)
  AND NOT EXISTS (SELECT 1 FROM run WHERE source = blob.digest AND (ended_at IS NULL OR ended_at > clock_timestamp() - interval '7 days'))
  AND NOT EXISTS (SELECT 1 FROM checkpoint JOIN attempt ON attempt.checkpoint = checkpoint.name JOIN job ON job.id = attempt.job_id
    WHERE checkpoint.blobs @> ARRAY[blob.digest] AND job.ended_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM checkpoint JOIN job ON job.checkpoint = checkpoint.name WHERE checkpoint.blobs @> ARRAY[blob.digest] AND job.ended_at IS NULL)`;

/** So many at a time, so that no statement is long. */
const BATCH = 1_000;

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

/** It was looked for and is not there, or not as it was: whoever has its bytes is to send them again. */
export async function forgetBlob(sql: Queryable, digest: string): Promise<void> {
  await sql.query('DELETE FROM blob WHERE digest = $1', [digest]);
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

/** Somebody will begin at it: it stays for another day. False: it is gone. */
export async function renewCheckpoint(sql: Queryable, name: string): Promise<boolean> {
  const kept = await sql.query<{ blobs: string[] }>(
    'UPDATE checkpoint SET kept_at = clock_timestamp() WHERE name = $1 RETURNING blobs',
    [name],
  );
  const blobs = kept.rows[0]?.blobs;
  return blobs !== undefined && (await missingBlobs(sql, blobs)).length === 0;
}

/** Checkpoints of jobs that have ended, and those that no attempt ever named. */
export async function forgetCheckpoints(sql: Queryable): Promise<void> {
  await sql.query(
    `DELETE FROM checkpoint WHERE kept_at < clock_timestamp() - interval '1 day' AND NOT EXISTS (
       SELECT 1 FROM attempt JOIN job ON job.id = attempt.job_id WHERE attempt.checkpoint = checkpoint.name AND job.ended_at IS NULL)
     AND NOT EXISTS (SELECT 1 FROM job WHERE job.checkpoint = checkpoint.name AND job.ended_at IS NULL)`,
  );
}

/** At most a batch; how many. */
export async function doomUnreferenced(sql: Queryable, idleHours: number): Promise<number> {
  const doomed = await sql.query(
    `UPDATE blob SET doomed_at = clock_timestamp() WHERE digest IN (
       SELECT digest FROM blob WHERE doomed_at IS NULL AND renewed_at < clock_timestamp() - $1 * interval '1 hour'
         AND ${UNREFERENCED} LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
    [idleHours],
  );
  return doomed.rowCount ?? 0;
}

/** Doomed long ago: a batch of candidates, to be taken one by one. */
export async function doomedBlobs(sql: Queryable, afterHours: number): Promise<readonly string[]> {
  const found = await sql.query<{ digest: string }>(
    `SELECT digest FROM blob WHERE doomed_at < clock_timestamp() - $1 * interval '1 hour' LIMIT ${BATCH}`,
    [afterHours],
  );
  return found.rows.map((row) => row.digest);
}

/**
 * Still doomed and still unreferenced: the row is gone with this transaction, and until its end
 * whoever stores the same bytes waits. False: somebody wants it again.
 */
export async function takeDoomed(sql: Queryable, digest: string): Promise<boolean> {
  const gone = await sql.query(
    `DELETE FROM blob WHERE digest = $1 AND doomed_at IS NOT NULL AND ${UNREFERENCED}`,
    [digest],
  );
  if (gone.rowCount === 0) await sql.query('UPDATE blob SET doomed_at = NULL WHERE digest = $1', [digest]);
  return gone.rowCount === 1;
}
