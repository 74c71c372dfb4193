import type { Backend } from './backend.ts';
import { checkEnd, Invariants } from './invariants.ts';
import { modelBackend } from './model-backend.ts';
import { Nemesis } from './nemesis.ts';
import type { Plant } from './plants.ts';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { World } from './world.ts';

/** One seed from its beginning to its verdict. */
export interface SeedResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly trail: readonly string[];
  readonly events: number;
  readonly virtualSeconds: number;
  readonly runs: { readonly succeeded: number; readonly failed: number; readonly cancelled: number };
  readonly ranAgain: number;
}

const SQL_LOOK_EVERY = 10;
const TROUBLE_MS = 60_000;
const PROGRESS_MS = 600_000;

export async function runSeed(
  seed: number,
  {
    plant,
    openSql,
  }: { readonly plant: Plant | null; readonly openSql: ((scheduler: Scheduler) => Promise<Backend>) | null },
): Promise<SeedResult> {
  const scheduler = new Scheduler();
  const random = new Random(seed);
  const late = new Random(seed + 1);
  const backend = openSql
    ? await openSql(scheduler)
    : modelBackend(scheduler, { plant, lateMs: () => (late.chance(0.2) ? late.between(1, 2_000) : 0) });
  const world = new World({ scheduler, random, backend, plant });
  const invariants = new Invariants(world);
  let looked: Promise<void> = Promise.resolve();
  const each = () => {
    // Looking costs the real database more than happening does.
    if (openSql && scheduler.happened % SQL_LOOK_EVERY !== 0) return;
    looked = scheduler.during(async () => invariants.check(await backend.look()));
  };
  const broken = () => world.violations.length > 0;
  triggerRuns(world);
  const nemesis = new Nemesis(world);
  answerQuestions(world);
  await scheduler.runUntil(scheduler.now + TROUBLE_MS, { each, enough: broken });
  if (!broken()) nemesis.heal();
  let settled = false;
  scheduler.every(
    1_000,
    () => {
      void backend.look().then(({ runs }) => {
        settled =
          runs.length === world.runIds.length &&
          runs.every((run) => ['succeeded', 'failed', 'cancelled', 'skipped'].includes(run.state));
      });
    },
    () => true,
  );
  await scheduler.runUntil(scheduler.now + PROGRESS_MS, { each, enough: () => broken() || settled });
  // The sequencer and the readers get their turn.
  const readable = (await backend.look()).eventIds;
  await scheduler.runUntil(scheduler.now + 5_000, { each, enough: broken });
  await looked;
  const facts = await backend.look();
  if (!broken()) checkEnd(world, facts, readable);
  await backend.close();
  const count = (state: string) => facts.runs.filter((run) => run.state === state).length;
  return {
    seed,
    violations: world.violations,
    trail: world.trail,
    events: scheduler.happened,
    virtualSeconds: Math.round((scheduler.now - 1_000_000) / 1000),
    runs: { succeeded: count('succeeded'), failed: count('failed'), cancelled: count('cancelled') },
    ranAgain: facts.attempts.filter((attempt) => !attempt.counted).length,
  };
}

function triggerRuns(world: World): void {
  const { random, scheduler } = world;
  for (let made = random.between(1, 5); made > 0; made -= 1) {
    const id = random.id();
    const jobs = Array.from({ length: random.between(1, 3) }, (_, number) => ({
      key: `job-${number}-of-${random.between(1, 8)}-steps`,
      needs: [] as string[],
      steps: 8,
      onLost: random.pick(['rerun', 'rerun', 'rerun', 'ask'] as const),
    }));
    const [first, ...others] = jobs;
    if (first) for (const job of others) if (random.chance(0.5)) job.needs.push(first.key);
    scheduler.after(random.between(0, 30_000), () => void world.trigger(id, jobs));
    if (random.chance(0.1))
      scheduler.after(
        random.between(20_000, 50_000),
        () =>
          void random
            .pick(world.controllers)
            ?.cancel(id)
            .catch(() => {}),
      );
  }
}

/** A person who says yes, mostly. */
function answerQuestions(world: World): void {
  const { scheduler, backend, random } = world;
  scheduler.every(
    5_000,
    () => {
      void scheduler.during(async () => {
        for (const job of (await backend.look()).jobs) {
          const controller = random.pick(world.controllers);
          if (job.asks !== null)
            void controller?.answer(job.runId, job.id, random.chance(0.9)).catch(() => {});
        }
      });
    },
    () => true,
  );
}
