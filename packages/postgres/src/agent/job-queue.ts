import type { Claimant, LeaseKey } from '@holdfast/core/pipeline/ports.ts';
import type { Queryable } from '../database.ts';

/**
 * The queue of jobs, fair between repositories: whoever has fewest running comes first, so that ten
 * thousand jobs of one repository do not stand before the one of another. Each repository's oldest
 * waiting moment is kept in memory as a floor: a claim begins to read there, instead of at all the
 * dead rows that a long transaction elsewhere keeps alive. Floors and counts are
 * only a shortcut: they are read anew from the table every two seconds, and when somebody says that a job was
 * queued, because it may be the first of its repository for long.
 */
const FRESH_MS = 2_000;
const CHANGED_MS = 250;
const FORGET_MS = 600_000;

interface Known {
  readonly floor: Date;
  /** With agents, as last counted. */
  readonly jobs: number;
  readonly seenAt: number;
}

/** As core/pipeline/labels.ts, said in SQL, so that jobs nobody can run hide no others. */
const FITS = `NOT EXISTS (
  SELECT 1 FROM unnest(labels) AS wanted (label)
  WHERE NOT (lower(label) = ANY ($1::text[]) OR (lower(label) LIKE 'ubuntu-%' AND 'linux' = ANY ($1::text[]))))`;

/** Per repository: its oldest waiting moment and how many of its jobs agents hold; without one: what commits late is no older. */
const READ = `
SELECT NULL::uuid AS repository_id, clock_timestamp() - interval '20 seconds' AS oldest, 0 AS jobs
UNION ALL
SELECT repository_id, coalesce(min(oldest), clock_timestamp() - interval '20 seconds') - interval '1 millisecond', sum(jobs)::int
FROM (
  SELECT repository_id, min(queued_at) AS oldest, 0 AS jobs FROM job WHERE state = 'queued' AND agent_id IS NULL GROUP BY repository_id
  UNION ALL
  SELECT repository_id, NULL, count(*) FROM job WHERE agent_id IS NOT NULL AND ended_at IS NULL GROUP BY repository_id
) AS found GROUP BY repository_id`;

const CLAIM = `
WITH known AS (
  SELECT * FROM unnest($5::uuid[], $6::timestamptz[], $8::int[]) AS known (repository_id, floor, jobs)
), next AS (
  SELECT waiting.id, waiting.repository_id, waiting.queued_at,
    known.jobs + row_number() OVER (PARTITION BY known.repository_id ORDER BY waiting.queued_at) AS turn
  FROM known CROSS JOIN LATERAL (
    SELECT id, repository_id, queued_at FROM job
    WHERE repository_id = known.repository_id AND queued_at >= known.floor AND state = 'queued' AND agent_id IS NULL
      AND ended_at IS NULL AND lane = 'agent' AND NOT cancel
      AND ($3 = 0 OR queued_at <= clock_timestamp() - $3 * interval '1 millisecond') AND ${FITS}
    ORDER BY queued_at LIMIT $4 FOR UPDATE SKIP LOCKED) AS waiting
)
UPDATE job SET agent_id = $2, epoch = epoch + 1, granted_at = clock_timestamp(), acknowledged_at = NULL
WHERE id IN (SELECT id FROM next WHERE turn <= $7 ORDER BY turn, queued_at LIMIT $4)
RETURNING id, epoch, repository_id`;

export class JobQueue {
  /** How many jobs of one repository may be with agents at a time. */
  private readonly perRepository: number;
  private readonly known = new Map<string, Known>();
  private readAt = Number.NEGATIVE_INFINITY;

  constructor(perRepository: number) {
    this.perRepository = perRepository;
  }

  /** A repository that had nothing for long may have something now. */
  changed(): void {
    if (performance.now() - this.readAt > CHANGED_MS) this.readAt = Number.NEGATIVE_INFINITY;
  }

  private async refresh(sql: Queryable): Promise<void> {
    const now = performance.now();
    if (now - this.readAt < FRESH_MS) return;
    this.readAt = now;
    const found = await sql.query<{ repository_id: string | null; oldest: Date; jobs: number }>(READ);
    const floors = new Map(found.rows.map((row) => [row.repository_id, row]));
    const late = floors.get(null)?.oldest;
    floors.delete(null);
    for (const [id, { oldest, jobs }] of floors)
      this.known.set(id as string, { floor: oldest, jobs, seenAt: now });
    // One that is empty now is looked at all the same, from a little before this moment on.
    for (const [id, known] of this.known) {
      if (floors.has(id) || !late) continue;
      if (now - known.seenAt > FORGET_MS) this.known.delete(id);
      else this.known.set(id, { floor: late, jobs: 0, seenAt: known.seenAt });
    }
  }

  async claim(sql: Queryable, claimant: Claimant): Promise<readonly LeaseKey[]> {
    if (claimant.slots <= 0) return [];
    await this.refresh(sql);
    if (this.known.size === 0) return [];
    const known = [...this.known];
    const claimed = await sql.query<{ id: string; epoch: number; repository_id: string }>(CLAIM, [
      claimant.labels,
      claimant.agentId,
      claimant.standBackMs,
      claimant.slots,
      known.map(([id]) => id),
      known.map(([, { floor }]) => floor),
      this.perRepository,
      known.map(([, { jobs }]) => jobs),
    ]);
    // Counted on until the table is read again, so that turns stay fair in between.
    for (const { repository_id } of claimed.rows) {
      const mine = this.known.get(repository_id);
      if (mine) this.known.set(repository_id, { ...mine, jobs: mine.jobs + 1 });
    }
    return claimed.rows.map((row) => ({ jobId: row.id, epoch: row.epoch }));
  }
}
