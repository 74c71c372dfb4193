import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { MigrationPhase, PhaseOutcome, Progress } from '@holdfast/core/migration/migration.ts';
import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import {
  type Held,
  type Limits,
  type Signal,
  type SignalName,
  throttle,
  waits,
} from '@holdfast/core/migration/throttle.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { readCatalog } from '../catalog/read-catalog.ts';
import { hinders } from '../lint/finding.ts';
import { lintPlan, lintSource } from '../lint/lint-source.ts';
import { planMigration } from '../plan/plan-migration.ts';
import { type MigrationPlan, NO_STEPS, type Step } from '../plan/step.ts';
import { loadParser } from '../sql/parse-sql.ts';
import { isAppliedElsewhere } from './applied-elsewhere.ts';
import { blockersOf, PATIENCE_MS } from './blockers.ts';
import { failureOf, isLockTimeout, isTooLong } from './failure.ts';
import {
  beginAgain,
  beginsAgain,
  doneSteps,
  ensureLedger,
  enter,
  forget,
  holdFence,
  keepOut,
  type Marked,
  markDone,
  type StepAt,
  takeOver,
} from './ledger.ts';
import { readSignals } from './read-signals.ts';
import { beginBackfill, nextBatch } from './run-backfill.ts';
import { beginCompare, nextRange } from './run-compare.ts';
import { runIndex, runOutside } from './run-outside.ts';
import type { Session } from './session.ts';
import { locksOf, tablesOf } from './tables-of.ts';

/**
 * Some time of work on one phase. What is done stands in the ledger; called again, by anybody, it goes
 * on. Comes back when the phase is done, when its time is over, or when something wants it to wait.
 */
export interface Work extends Marked {
  readonly source: MigrationSource;
  readonly phase: MigrationPhase;
  /** Come back after this long, so that people and signals from elsewhere are heard. */
  readonly budgetMs: number;
  readonly limits: Limits;
  /** From outside the database: the rollout's harm, the app's p95. */
  readonly signals: readonly Signal[];
  readonly userQuery: string | null;
  /** It waits already: signals must be well below their limits before it goes on. */
  readonly held: SignalName | null;
  /** Rest after each batch, in parts of the time that the batch took. */
  readonly nice: number;
  readonly batchMs: number;
}

const SHORT = { lockMs: 300, statementMs: 5_000 };
const PAST_THE_TRIGGER =
  'they were written past the trigger (session_replication_role, a subscription, a partition that was attached); make them equal, then resume it';
/** Between two looks at the signals. */
const LOOK_MS = 250;

export async function workOnPhase(session: Session, work: Work): Promise<PhaseOutcome> {
  try {
    await loadParser();
    await ensureLedger(session);
    const plan = await begin(session, work);
    return plan === null ? { kind: 'done' } : await perform(session, work, plan);
  } catch (error) {
    return failureOf(error).kind === 'waits'
      ? waits(failureOf(error).reason, null)
      : { kind: 'failed', reason: failureOf(error).reason };
  }
}

/** null: nothing was ever begun, so there is nothing to take back. */
async function begin(session: Session, work: Work): Promise<MigrationPlan | null> {
  const { name, digest } = work.source;
  if (work.phase === 'abort')
    return session.transaction(SHORT, async (sql) => {
      const begun = await takeOver(sql, work, null);
      if (begun === null) await keepOut(sql, work, { name, digest, plan: NO_STEPS });
      return begun;
    });
  const known = await session.transaction(SHORT, (sql) => takeOver(sql, work, digest));
  if (known !== null) return known;
  const catalog = await readCatalog(session);
  const elsewhere = await isAppliedElsewhere(session, work.source);
  const plan = elsewhere ? NO_STEPS : linted(work, catalog);
  return session.transaction(SHORT, (sql) => enter(sql, work, { name, digest, plan }));
}

/** With the live catalog, once, before the first statement: what would lock people out does not begin. */
function linted({ source, scope }: Work, catalog: Catalog): MigrationPlan {
  const plan = planMigration(source, catalog, scope);
  const findings = source.form === 'declared' ? lintPlan(source, plan, catalog) : lintSource(source, catalog);
  const [first] = findings.filter(hinders);
  if (first)
    throw new HoldfastError(
      'migrationInvalid',
      `${first.place.file}:${first.place.line}:${first.place.column}: ${first.message} [${first.rule}]; holdfast migrate lint shows what to write instead`,
    );
  return plan;
}

async function perform(session: Session, work: Work, plan: MigrationPlan): Promise<PhaseOutcome> {
  const until = performance.now() + work.budgetMs;
  const lost = await lostPhase(session, work, plan);
  if (lost !== null) return { kind: 'failed', reason: lost };
  // Whoever found that was killed before it could say so.
  if (work.phase === 'verify' && (await beginsAgain(session, work)))
    return { kind: 'differs', reason: 'rows differed, and are filled again' };
  const done = await doneSteps(session, work, work.phase);
  let progress: Progress | null = null;
  for (const [place, step] of plan[work.phase].entries()) {
    if (done.has(place)) continue;
    if (performance.now() > until) return { kind: 'more', progress };
    const at: StepAt = { ...work, place };
    const outcome = await performStep(session, { work, step, at, until, plan });
    if (outcome.kind !== 'done') return outcome;
    progress = null;
  }
  if (work.phase === 'abort') await session.transaction(SHORT, (sql) => forget(sql, work));
  return { kind: 'done' };
}

const BEFORE: Record<MigrationPhase, readonly (keyof MigrationPlan)[]> = {
  expand: [],
  backfill: ['expand'],
  verify: ['expand', 'backfill'],
  contract: ['expand', 'backfill', 'verify'],
  abort: [],
};

/** What was done and is not marked any more: the database is an older one than it was. */
async function lostPhase(session: Session, work: Work, plan: MigrationPlan): Promise<string | null> {
  for (const phase of BEFORE[work.phase]) {
    if ((await doneSteps(session, work, phase)).size >= plan[phase].length) continue;
    if (phase === 'backfill' && work.phase === 'verify' && (await beginsAgain(session, work))) continue;
    return `the database has lost what was done of the ${phase} phase: it was restored, or failed over to a replica that was behind; abort it and let it begin again`;
  }
  return null;
}

interface Performing {
  readonly work: Work;
  readonly step: Step;
  readonly at: StepAt;
  readonly until: number;
  readonly plan: MigrationPlan;
}

async function performStep(session: Session, performing: Performing): Promise<PhaseOutcome> {
  const { step, at, work } = performing;
  try {
    switch (step.kind) {
      case 'statement': {
        const holder = await blockersOf(session, locksOf(step), PATIENCE_MS);
        if (holder !== null) return waits(holder, null);
        await session.transaction(step.long ? { ...SHORT, statementMs: 0 } : SHORT, async (sql) => {
          await holdFence(sql, at);
          for (const text of step.sql) await sql.query(text);
          await markDone(sql, at);
        });
        return { kind: 'done' };
      }
      case 'index':
      case 'outside': {
        const reason = await reasonToWait(session, work, tablesOf(step)[0] ?? null);
        if (reason !== null) return waits(reason, null);
        const mine = () => session.transaction(SHORT, (sql) => holdFence(sql, at));
        await (step.kind === 'index' ? runIndex(session, step, mine) : runOutside(session, step, mine));
        await session.transaction(SHORT, async (sql) => {
          await holdFence(sql, at);
          await markDone(sql, at);
        });
        return { kind: 'done' };
      }
      case 'backfill':
        return await fill(session, { ...performing, step });
      case 'compare':
        return await compare(session, { ...performing, step });
    }
  } catch (error) {
    if (!isLockTimeout(error) || (step.kind === 'statement' && isTooLong(error))) throw error;
    const blocker = await blockersOf(session, locksOf(step), 0).catch(() => null);
    return waits(blocker ?? failureOf(error).reason, null);
  }
}

async function fill(
  session: Session,
  { work, step, at, until }: Performing & { readonly step: Step & { readonly kind: 'backfill' } },
): Promise<PhaseOutcome> {
  let filling = await beginBackfill(session, step, at, work.batchMs);
  const [began, before] = [performance.now(), filling.row.rows];
  let lookedAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    const now = performance.now();
    const { rows, total } = filling.row;
    const seconds = (now - began) / 1_000;
    const rowsPerSecond = seconds > 0 ? Math.round((rows - before) / seconds) : null;
    const progress: Progress = { rows, total, rowsPerSecond, batch: filling.size.rows };
    if (filling.row.done) return { kind: 'done' };
    if (now > until) return { kind: 'more', progress };
    if (now - lookedAt > LOOK_MS) {
      const reason = await reasonToWait(session, work, step.table);
      if (reason !== null) return waits(reason, progress);
      lookedAt = performance.now();
    }
    const batchAt = performance.now();
    filling = await nextBatch(session, filling);
    if (work.nice > 0) await sleep((performance.now() - batchAt) * work.nice);
  }
}

async function compare(
  session: Session,
  { work, step, at, until, plan }: Performing & { readonly step: Step & { readonly kind: 'compare' } },
): Promise<PhaseOutcome> {
  // It only reads: dead rows do not become more by it.
  const { deadTuples: _, ...reading } = work.limits;
  let comparing = await beginCompare(session, step, at);
  let lookedAt = Number.NEGATIVE_INFINITY;
  while (!comparing.row.done) {
    const { rows, total } = comparing.row;
    const progress: Progress = { rows, total, rowsPerSecond: null, batch: null };
    const began = performance.now();
    if (began > until) return { kind: 'more', progress };
    if (began - lookedAt > LOOK_MS) {
      const reason = await reasonToWait(session, { ...work, limits: reading }, step.table);
      if (reason !== null) return waits(reason, progress);
      lookedAt = began;
    }
    comparing = await nextRange(session, comparing);
    await sleep((performance.now() - began) * work.nice);
  }
  const { found } = comparing.row;
  if (found > 0) {
    const contracting = work.phase === 'contract';
    const filled = plan.backfill
      .map((_, place): StepAt => ({ ...work, phase: 'backfill', place }))
      .filter(({ place }) => !contracting && (step.filledBy ?? place) === place);
    await session.transaction(SHORT, async (sql) => {
      await holdFence(sql, work);
      await beginAgain(sql, work, [at, ...filled]);
    });
    const reason = `${found.toLocaleString('en')} ${step.sentence}`;
    // Which side is right nobody can say here: by now new releases alone may write.
    if (contracting) return { kind: 'failed', reason: `${reason}: ${PAST_THE_TRIGGER}` };
    return { kind: 'differs', reason };
  }
  await session.transaction(SHORT, async (sql) => {
    await holdFence(sql, at);
    await markDone(sql, at);
  });
  return { kind: 'done' };
}

async function reasonToWait(session: Session, work: Work, table: string | null): Promise<Held | null> {
  const seen = await readSignals(session, { table, userQuery: work.userQuery });
  return throttle([...work.signals, ...seen], work.limits, work.held);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
