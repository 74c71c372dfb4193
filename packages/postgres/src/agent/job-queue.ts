import type { Claimant, LeaseKey } from '@holdfast/core/pipeline/ports.ts';
import { LATE_MS, type Queryable } from '../database.ts';

/**
 * The queue of jobs, fair between repositories: whoever has fewest running comes first, so that ten
 * thousand jobs of one repository do not stand before the one of another. Each repository's oldest
 * waiting moment is kept in memory as a floor: a claim begins to read there, instead of at all the
 * dead rows that a long transaction elsewhere keeps alive. Floors and counts are only a shortcut and
 * are read anew all the time: the floors from a little before what was known, also when somebody says
 * that a job was queued; the counts, and now and then the whole queue, in which rows that are long dead
 * are met again, as often as that costs little. In between counts follow what is claimed and ends here.
 */
const LOOK: Pace = { leastMs: 2_000, pauses: 9 };
const HINTED_MS = 250;
/** Nearly every job is committed that soon; the next look finds the others. */
const RECENT_MS = 1_000;
const COUNT: Pace = { leastMs: 2_000, pauses: 99 };
const WHOLE: Pace = { leastMs: 30_000, pauses: 99 };
const FORGET_MS = 600_000;
const LATE = `${LATE_MS} * interval '1 millisecond'`;

/** Again after so long, and after so many times of what it took. */
interface Pace {
  readonly leastMs: number;
  readonly pauses: number;
}

interface Known {
  /** Where claims begin to read. */
  readonly floor: Date;
  /** Where the next look begins: not after what may still commit. */
  readonly since: Date;
  /** With agents, as last counted. */
  readonly jobs: number;
  readonly seenAt: number;
}

/** As core/pipeline/labels.ts, said in SQL, so that jobs nobody can run hide no others. */
const fits = (offered: string) => `NOT EXISTS (
  SELECT 1 FROM unnest(job.labels) AS wanted (label)
  WHERE NOT (lower(label) = ANY (${offered}) OR (lower(label) LIKE 'ubuntu-%' AND 'linux' = ANY (${offered}))))`;

/** An agent that hosts no releases and takes work. */
const OTHERS = `EXISTS (
  SELECT 1 FROM agent WHERE NOT host AND slots > 0 AND state = 'online' AND intent = 'work' AND holds_back IS NULL AND ${fits('agent.labels')})`;

/**
 * Per repository that has any: its oldest waiting moment. Without one: what commits late is no older; taken once, since
 * a bound that is volatile would not be looked up in the index.
 */
const OLDEST = `
WITH late AS MATERIALIZED (SELECT clock_timestamp() - ${LATE} AS moment)
SELECT NULL::uuid AS repository_id, moment AS oldest FROM late
UNION ALL
SELECT repository.id, waiting.queued_at - interval '1 millisecond'
FROM late CROSS JOIN repository LEFT JOIN unnest($1::uuid[], $2::timestamptz[]) AS known (id, since) ON known.id = repository.id CROSS JOIN LATERAL (
  SELECT queued_at FROM job
  WHERE repository_id = repository.id AND state = 'queued' AND agent_id IS NULL
    AND queued_at >= CASE WHEN $3 THEN timestamptz '-infinity' ELSE coalesce(known.since, late.moment) END
  ORDER BY queued_at LIMIT 1) AS waiting`;

const WITH_AGENTS = `
SELECT repository_id, count(*)::int AS jobs FROM job WHERE agent_id IS NOT NULL AND ended_at IS NULL AND reported IS NULL GROUP BY repository_id`;

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
      AND ${fits('$1::text[]')} AND ($3 = 0 OR queued_at <= clock_timestamp() - $3 * interval '1 millisecond' OR NOT ${OTHERS})
    ORDER BY queued_at LIMIT $4 FOR UPDATE SKIP LOCKED) AS waiting
)
UPDATE job SET agent_id = $2, epoch = epoch + 1, granted_at = clock_timestamp(), acknowledged_at = NULL
WHERE id IN (SELECT id FROM next WHERE turn <= $7 ORDER BY turn, queued_at LIMIT $4)
RETURNING id, epoch, repository_id`;

export class JobQueue {
  /** How many jobs of one repository may be with agents at a time. */
  private readonly perRepository: number;
  private readonly now: () => number;
  private readonly known = new Map<string, Known>();
  private lookedAt = Number.NEGATIVE_INFINITY;
  /** Somebody said that a job was queued, and nobody has begun to look since. */
  private hinted = false;
  private readonly next = { look: 0, count: 0, whole: 0 };

  /** now: a clock that only goes forward, ms. */
  constructor(perRepository: number, now: () => number) {
    this.perRepository = perRepository;
    this.now = now;
  }

  /** A repository that had nothing for long may have something now. */
  changed(): void {
    this.hinted = true;
  }

  /** A job of each of these repositories has ended. */
  left(repositories: readonly string[]): void {
    for (const id of repositories) this.add(id, -1);
  }

  private add(repository: string, jobs: 1 | -1): void {
    const known = this.known.get(repository);
    if (known) this.known.set(repository, { ...known, jobs: Math.max(0, known.jobs + jobs) });
  }

  /** Whoever claims when something is due does it for all; the others go by what is known. */
  private async refresh(sql: Queryable): Promise<void> {
    const now = this.now();
    const whole = now >= this.next.whole;
    const asked = this.hinted && now - this.lookedAt > HINTED_MS;
    if (whole || asked || now >= this.next.look) {
      this.lookedAt = now;
      this.hinted = false;
      this.next.look = now + LOOK.leastMs;
      if (whole) this.next.whole = now + WHOLE.leastMs;
      await this.look(sql, whole);
      const took = this.now() - now;
      this.next.look = Math.max(this.next.look, now + took * LOOK.pauses);
      if (whole) this.next.whole = Math.max(this.next.whole, now + took * WHOLE.pauses);
    }
    const from = this.now();
    if (from < this.next.count) return;
    this.next.count = from + COUNT.leastMs;
    await this.count(sql);
    this.next.count = Math.max(this.next.count, from + (this.now() - from) * COUNT.pauses);
  }

  private async look(sql: Queryable, whole: boolean): Promise<void> {
    const now = this.now();
    const known = [...this.known];
    const found = await sql.query<{ repository_id: string | null; oldest: Date }>(OLDEST, [
      known.map(([id]) => id),
      known.map(([, { since }]) => since),
      whole,
    ]);
    const floors = new Map(found.rows.map((row) => [row.repository_id, row.oldest]));
    const late = floors.get(null);
    if (!late) return;
    floors.delete(null);
    for (const [id, oldest] of floors) {
      const since = oldest < late ? oldest : late;
      const jobs = this.known.get(id as string)?.jobs ?? 0;
      this.known.set(id as string, { floor: oldest, since, jobs, seenAt: now });
    }
    // One that is empty now is looked at all the same, from a little before this moment on: each claim goes over
    // the dead rows since then.
    const recent = new Date(late.getTime() + LATE_MS - RECENT_MS);
    for (const [id, { jobs, seenAt }] of this.known) {
      if (floors.has(id)) continue;
      if (now - seenAt > FORGET_MS) this.known.delete(id);
      else this.known.set(id, { floor: recent, since: late, jobs, seenAt });
    }
  }

  private async count(sql: Queryable): Promise<void> {
    const found = await sql.query<{ repository_id: string; jobs: number }>(WITH_AGENTS);
    const jobs = new Map(found.rows.map((row) => [row.repository_id, row.jobs]));
    for (const [id, known] of this.known) this.known.set(id, { ...known, jobs: jobs.get(id) ?? 0 });
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
    for (const { repository_id } of claimed.rows) this.add(repository_id, 1);
    return claimed.rows.map((row) => ({ jobId: row.id, epoch: row.epoch }));
  }
}
