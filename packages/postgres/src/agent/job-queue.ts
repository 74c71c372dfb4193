import type { Claimant, LeaseKey } from '@holdfast/core/pipeline/ports.ts';
import type { Queryable } from '../database.ts';

/**
 * The queue of jobs, fair between repositories: whoever has fewest running comes first, so that ten
 * thousand jobs of one repository do not stand before the one of another. Each repository's oldest
 * waiting moment is kept in memory as a floor: a claim begins to read there, instead of at all the
 * dead rows that a long transaction elsewhere keeps alive. The floors are only a shortcut: they
 * are read anew from the table every two seconds, and whenever somebody says that a job was queued.
 */
const FRESH_MS = 2_000;

/** As core/pipeline/labels.ts, said in SQL, so that jobs nobody can run hide no others. */
const FITS = `NOT EXISTS (
  SELECT 1 FROM unnest(labels) AS wanted (label)
  WHERE NOT (lower(label) = ANY ($1::text[]) OR (lower(label) LIKE 'ubuntu-%' AND 'linux' = ANY ($1::text[]))))`;

const CLAIM = `
WITH known AS (
  SELECT * FROM unnest($5::uuid[], $6::timestamptz[]) AS known (repository_id, floor)
), busy AS (
  SELECT repository_id, count(*) AS jobs FROM job WHERE agent_id IS NOT NULL AND ended_at IS NULL GROUP BY repository_id
), next AS (
  SELECT waiting.id, waiting.queued_at,
    coalesce(busy.jobs, 0) + row_number() OVER (PARTITION BY known.repository_id ORDER BY waiting.queued_at) AS turn
  FROM known LEFT JOIN busy USING (repository_id) CROSS JOIN LATERAL (
    SELECT id, queued_at FROM job
    WHERE repository_id = known.repository_id AND queued_at >= known.floor AND state = 'queued' AND agent_id IS NULL
      AND ended_at IS NULL AND lane = 'agent' AND NOT cancel
      AND ($3 = 0 OR queued_at <= clock_timestamp() - $3 * interval '1 millisecond') AND ${FITS}
    ORDER BY queued_at LIMIT $4 FOR UPDATE SKIP LOCKED) AS waiting
)
UPDATE job SET agent_id = $2, epoch = epoch + 1, granted_at = clock_timestamp(), acknowledged_at = NULL
WHERE id IN (SELECT id FROM next WHERE turn <= $7 ORDER BY turn, queued_at LIMIT $4)
RETURNING id, epoch`;

export class JobQueue {
  /** How many jobs of one repository may be with agents at a time. */
  private readonly perRepository: number;
  private floors: ReadonlyMap<string, Date> = new Map();
  private readAt = Number.NEGATIVE_INFINITY;

  constructor(perRepository: number) {
    this.perRepository = perRepository;
  }

  changed(): void {
    this.readAt = Number.NEGATIVE_INFINITY;
  }

  /** A change that comes while the table is read is looked for by the next claim. */
  private async refresh(sql: Queryable): Promise<void> {
    if (performance.now() - this.readAt < FRESH_MS) return;
    this.readAt = performance.now();
    const found = await sql.query<{ repository_id: string; oldest: Date }>(
      `SELECT repository_id, min(queued_at) - interval '1 millisecond' AS oldest FROM job
       WHERE state = 'queued' AND agent_id IS NULL GROUP BY repository_id`,
    );
    this.floors = new Map(found.rows.map((row) => [row.repository_id, row.oldest]));
  }

  async claim(sql: Queryable, claimant: Claimant): Promise<readonly LeaseKey[]> {
    if (claimant.slots <= 0) return [];
    await this.refresh(sql);
    if (this.floors.size === 0) return [];
    const claimed = await sql.query<{ id: string; epoch: number }>(CLAIM, [
      claimant.labels,
      claimant.agentId,
      claimant.standBackMs,
      claimant.slots,
      [...this.floors.keys()],
      [...this.floors.values()],
      this.perRepository,
    ]);
    return claimed.rows.map((row) => ({ jobId: row.id, epoch: row.epoch }));
  }
}
