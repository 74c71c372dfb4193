import { setTimeout as sleep } from 'node:timers/promises';
import type { PatroniCluster } from '../cluster/patroni-cluster.ts';

/**
 * Looks at every node ten times a second: which takes writes, on which timeline (by its write-ahead log's
 * file name, which is right at once; the control file is right from the next checkpoint on), and what
 * the generation row says.
 */
export interface GenerationSight {
  readonly at: number;
  readonly node: string;
  readonly timeline: number;
  /** As `pg_control_checkpoint()` has it, which is what Holdfast asks. */
  readonly controlTimeline: number;
  readonly generation: number;
  readonly rowTimeline: number;
}

const EVERY_MS = 100;

export class GenerationWatch {
  readonly sights: GenerationSight[] = [];
  private readonly cluster: PatroniCluster;
  private stopped = false;
  private loop: Promise<void> | undefined;

  constructor(cluster: PatroniCluster) {
    this.cluster = cluster;
  }

  start(): this {
    this.loop = this.run();
    return this;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.loop;
  }

  get last(): GenerationSight | undefined {
    return this.sights.at(-1);
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const looks = this.cluster.nodes.map((node) => look(node).catch(() => null));
      const seen = (await Promise.all(looks)).filter((sight) => sight !== null);
      // Of two that claim to take writes the later timeline is the primary.
      const [primary] = seen.sort((a, b) => b.timeline - a.timeline);
      if (primary) this.sights.push(primary);
      await sleep(EVERY_MS);
    }
  }
}

async function look(node: PatroniCluster['nodes'][number]): Promise<GenerationSight | null> {
  const at = Date.now();
  const [row] = await node.query<Omit<GenerationSight, 'at' | 'node'>>(
    `SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int AS timeline,
            (SELECT timeline_id FROM pg_control_checkpoint()) AS "controlTimeline",
            generation::int AS generation, timeline::int AS "rowTimeline" FROM generation
     WHERE NOT pg_is_in_recovery()`,
  );
  return row ? { at, node: node.place.name, ...row } : null;
}

/** What one fault did to timeline and generation. */
export interface GenerationChange {
  readonly timelines: string;
  readonly generations: string;
  /** From the first sight of the new timeline until the row said so; null: it never did. */
  readonly roseAfterMs: number | null;
  /** When the new timeline was first seen, and the row that says so. */
  readonly promotedAt: number | null;
  readonly roseAt: number | null;
  /** For how long the control file still told the old timeline after the promotion. */
  readonly controlLateMs: number | null;
  /** Every different sight since the blow, for when a row rose more than once. */
  readonly path: readonly string[];
  readonly misses: readonly string[];
}

export function generationChange(
  sights: readonly GenerationSight[],
  before: GenerationSight,
  fault: string,
): GenerationChange {
  const after = sights.filter(({ at }) => at > before.at);
  const last = after.at(-1) ?? before;
  const promoted = after.find(({ timeline }) => timeline > before.timeline);
  const rose = after.find((sight) => sight.rowTimeline === last.timeline);
  const control = after.find((sight) => sight.controlTimeline === last.timeline);
  const since = (sight: GenerationSight | undefined) =>
    sight && promoted ? Math.max(0, sight.at - promoted.at) : null;
  const misses: string[] = [];
  if (!promoted) misses.push(`${fault}: the timeline stayed ${before.timeline}`);
  if (promoted && last.rowTimeline !== last.timeline)
    misses.push(`${fault}: timeline ${last.timeline}, the generation row says ${last.rowTimeline}`);
  if (promoted && last.generation <= before.generation)
    misses.push(`${fault}: the generation stayed ${last.generation} though the timeline changed`);
  return {
    timelines: `${before.timeline} → ${last.timeline}`,
    generations: `${before.generation} → ${last.generation}`,
    promotedAt: promoted?.at ?? null,
    roseAt: rose?.at ?? null,
    roseAfterMs: last.rowTimeline === last.timeline ? since(rose) : null,
    controlLateMs: since(control),
    path: pathOf(after),
    misses,
  };
}

function pathOf(sights: readonly GenerationSight[]): readonly string[] {
  const told = sights.map(
    ({ node, timeline, controlTimeline, generation, rowTimeline }) =>
      `${node} on timeline ${timeline}, control file ${controlTimeline}, row: generation ${generation}, timeline ${rowTimeline}`,
  );
  return told.filter((text, index) => text !== told[index - 1]);
}
