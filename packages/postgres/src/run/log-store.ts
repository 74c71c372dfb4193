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
  limitBytes = 96 * 1024,
): Promise<{ readonly text: string; readonly next: number }> {
  const end = await endOfPage(sql, { attemptId, from, limitBytes });
  if (end === null) return { text: '', next: from };
  const found = await sql.query<{ start: number; text: Buffer }>(
    `SELECT start, text FROM log_chunk WHERE attempt_id = $1 AND start >= $2 AND start <= $3 ORDER BY start`,
    [attemptId, end.first, end.last],
  );
  const parts: Buffer[] = [];
  let next = from;
  for (const { start, text } of found.rows) {
    if (start > next) break;
    // An older piece may lie wholly before the place where this page begins.
    if (start + text.length <= next) continue;
    const part = text.subarray(next - start);
    parts.push(part);
    next += part.length;
  }
  return { text: Buffer.concat(parts).toString('utf8'), next };
}

/** Which chunks make up a page, by their lengths alone: the bytes themselves are not read for it. */
async function endOfPage(
  sql: Queryable,
  {
    attemptId,
    from,
    limitBytes,
  }: { readonly attemptId: string; readonly from: number; readonly limitBytes: number },
): Promise<{ readonly first: number; readonly last: number } | null> {
  const lengths = await sql.query<{ start: number; bytes: number }>(
    `SELECT start, octet_length(text) AS bytes FROM log_chunk WHERE attempt_id = $1 AND start >= coalesce(
       (SELECT max(start) FROM log_chunk WHERE attempt_id = $1 AND start <= $2), 0)
     ORDER BY start LIMIT 500`,
    [attemptId, from],
  );
  const [first] = lengths.rows;
  if (!first) return null;
  let bytes = 0;
  for (const row of lengths.rows) {
    bytes += row.bytes;
    if (bytes >= limitBytes) return { first: first.start, last: row.start };
  }
  return { first: first.start, last: lengths.rows.at(-1)?.start ?? first.start };
}
