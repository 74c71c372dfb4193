import type { JsonObject } from '@holdfast/core/kernel/json.ts';
import type { Queryable } from '../database.ts';

export interface EventRow {
  readonly position: number;
  readonly at: Date;
  readonly topic: string;
  readonly subject: string;
  readonly kind: string;
  readonly data: JsonObject;
}

export async function appendEvent(
  sql: Queryable,
  event: {
    readonly topic: string;
    readonly subject: string;
    readonly kind: string;
    readonly data?: JsonObject;
  },
): Promise<void> {
  await sql.query('INSERT INTO event (topic, subject, kind, data) VALUES ($1, $2, $3, $4)', [
    event.topic,
    event.subject,
    event.kind,
    JSON.stringify(event.data ?? {}),
  ]);
}

/** The same of many subjects. */
export async function appendEvents(
  sql: Queryable,
  events: { readonly topic: string; readonly subjects: readonly string[]; readonly kind: string },
): Promise<void> {
  await sql.query(
    'INSERT INTO event (topic, subject, kind) SELECT $1, subject, $3 FROM unnest($2::text[]) AS subject',
    [events.topic, events.subjects, events.kind],
  );
}

export interface Placed {
  readonly count: number;
  /** The highest id among them; 0: there were none. */
  readonly highest: number;
}

/**
 * The sequencer's one action: committed events get their place. A reader by `id > n` would lose an
 * event whose transaction commits late; a place is given only to what is already visible.
 */
export async function placeEvents(sql: Queryable, aboveId = 0): Promise<Placed> {
  const placed = await sql.query<Placed>(
    `WITH next AS (SELECT id FROM event WHERE position IS NULL AND id > $1 ORDER BY id LIMIT 1000 FOR UPDATE),
          placed AS (SELECT id, nextval('event_position') AS position FROM (SELECT id FROM next ORDER BY id) ordered),
          moved AS (UPDATE event SET position = placed.position FROM placed WHERE event.id = placed.id AND event.position IS NULL
            RETURNING event.id)
     SELECT count(*)::int AS count, coalesce(max(id), 0)::float8 AS highest FROM moved`,
    [aboveId],
  );
  return placed.rows[0] as Placed;
}

export async function readEvents(sql: Queryable, after: number, limit: number): Promise<readonly EventRow[]> {
  const found = await sql.query<EventRow>(
    'SELECT position, at, topic, subject, kind, data FROM event WHERE position > $1 ORDER BY position LIMIT $2',
    [after, limit],
  );
  return found.rows;
}

export async function lastPosition(sql: Queryable): Promise<number> {
  const found = await sql.query<{ position: number }>(
    'SELECT coalesce(max(position), 0) AS position FROM event',
  );
  return found.rows[0]?.position ?? 0;
}
