import type { Queryable } from '../database.ts';

/**
 * Logs as chunks by byte offset of one attempt. A chunk that was sent twice is kept once, the longer
 * one where a restarted agent cut it differently; a reader gets what is contiguous from its offset.
 */
export async function appendLog(
  sql: Queryable,
  chunk: { readonly attemptId: string; readonly offset: number; readonly text: string },
): Promise<void> {
  await sql.query(
    `INSERT INTO log_chunk (attempt_id, start, text) VALUES ($1, $2, $3)
     ON CONFLICT (attempt_id, start) DO UPDATE SET text = excluded.text WHERE length(excluded.text) > length(log_chunk.text)`,
    [chunk.attemptId, chunk.offset, Buffer.from(chunk.text, 'utf8')],
  );
}

export async function readLog(
  sql: Queryable,
  attemptId: string,
  from: number,
  limitBytes = 1024 * 1024,
): Promise<{ readonly text: string; readonly next: number }> {
  const found = await sql.query<{ start: number; text: Buffer }>(
    `SELECT start, text FROM log_chunk WHERE attempt_id = $1 AND start + length(text) > $2 ORDER BY start LIMIT 500`,
    [attemptId, from],
  );
  const parts: Buffer[] = [];
  let next = from;
  for (const { start, text } of found.rows) {
    if (start > next) break;
    const part = text.subarray(next - start);
    parts.push(part);
    next += part.length;
    if (next - from >= limitBytes) break;
  }
  return { text: Buffer.concat(parts).toString('utf8'), next };
}
