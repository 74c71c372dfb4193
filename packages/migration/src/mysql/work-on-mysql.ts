import type { MigrationPhase, PhaseOutcome, Progress } from '@holdfast/core/migration/migration.ts';
import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import { type Limits, type Signal, throttle } from '@holdfast/core/migration/throttle.ts';
import { hinders } from '../lint/finding.ts';
import { alterNatively } from './alter-natively.ts';
import { cutOver } from './cut-over.ts';
import { mysqlFailureOf } from './mysql-failure.ts';
import {
  type Change,
  forgetChange,
  forgetStep,
  holdMysqlFence,
  holdStep,
  readStep,
  type StepDetail,
  type StepKey,
  takeOverChange,
  writeStep,
} from './mysql-ledger.ts';
import { type MysqlPlace, type MysqlSession, openMysql } from './mysql-session.ts';
import { lintMysql, type MysqlPhase, planOfMysql } from './plan-of-mysql.ts';
import { isOscInstalled } from './pt-osc.ts';
import { readMysqlSignals } from './read-mysql-signals.ts';
import { abandonCopy, type Copies } from './run-copy.ts';
import { shapeOf } from './shape.ts';
import type { MysqlStatement } from './statements.ts';
import { type Compared, compareRange, planComparison } from './verify-copy.ts';

/**
 * Some time of work on one phase in MySQL or MariaDB. A statement is done by the server itself where that keeps
 * nobody out, else by a copy of its table: copied by pt-online-schema-change, compared, and exchanged when the
 * rollout's gate is open. Called again, by anybody, it goes on.
 */
export interface MysqlWork extends Change {
  readonly place: MysqlPlace;
  readonly source: MigrationSource;
  readonly phase: MigrationPhase;
  readonly copies: Copies;
  /** For control files of copies. */
  readonly work: string;
  readonly budgetMs: number;
  readonly limits: Limits;
  readonly signals: readonly Signal[];
  readonly userQuery: string | null;
  readonly held: boolean;
  readonly nice: number;
  readonly batchMs: number;
  /** Why tables may not be exchanged now; null: they may. */
  readonly gate: string | null;
}

interface Performing {
  readonly sql: MysqlSession;
  readonly work: MysqlWork;
  readonly key: StepKey;
  readonly statement: MysqlStatement;
  readonly until: number;
}

const DONE: PhaseOutcome = { kind: 'done' };

export async function workOnMysql(work: MysqlWork): Promise<PhaseOutcome> {
  let sql: MysqlSession | null = null;
  try {
    sql = await openMysql(work.place);
    return await perform(sql, work);
  } catch (error) {
    const { kind, reason } = mysqlFailureOf(error);
    return kind === 'waits' ? waits(reason, null) : { kind: 'failed', reason };
  } finally {
    await sql?.close();
  }
}

async function perform(sql: MysqlSession, work: MysqlWork): Promise<PhaseOutcome> {
  const { phase, source } = work;
  if (phase === 'backfill' || phase === 'verify') return DONE;
  const [hindering] = lintMysql(source).filter(hinders);
  if (hindering && phase !== 'abort') {
    const { file, line, column } = hindering.place;
    return {
      kind: 'failed',
      reason: `${file}:${line}:${column}: ${hindering.message} [${hindering.rule}]: ${hindering.why}`,
    };
  }
  const begun = await takeOverChange(sql, work, { digest: source.digest, begins: phase !== 'abort' });
  if (!begun) return DONE;
  if (phase === 'abort') await abandonCopies(sql, work);
  const until = performance.now() + work.budgetMs;
  for (const [place, statement] of planOfMysql(source)[phase].entries()) {
    const key: StepKey = { ...work, phase, place };
    if (performance.now() > until) return { kind: 'more', progress: null };
    const outcome = await performStep({ sql, work, key, statement, until });
    if (outcome.kind !== 'done') return outcome;
  }
  if (phase === 'abort') await forgetChange(sql, work);
  return DONE;
}

async function abandonCopies(sql: MysqlSession, work: MysqlWork): Promise<void> {
  for (const phase of ['expand', 'contract'] as const satisfies readonly MysqlPhase[])
    for (const [place, { table }] of planOfMysql(work.source)[phase].entries()) {
      const key: StepKey = { ...work, phase, place };
      const row = await readStep(sql, key);
      if (row && ['copying', 'copied', 'verified', 'failed'].includes(row.state))
        await abandonCopy(sql, key, { table, detail: row.detail });
    }
}

async function performStep(performing: Performing): Promise<PhaseOutcome> {
  const { sql, key, statement } = performing;
  await holdMysqlFence(sql, key);
  const row = await readStep(sql, key);
  switch (row?.state) {
    case 'done':
      return DONE;
    case 'failed':
      await forgetStep(sql, key);
      return { kind: 'failed', reason: row.detail.reason ?? 'the copy failed' };
    case 'copying':
      return copying(performing, row.detail);
    case 'copied':
      return compare(performing, row.detail);
    case 'verified':
    case 'cutting': {
      const { gate } = performing.work;
      if (gate !== null && row.state === 'verified')
        return waits(`the copy of ${statement.table} is complete; it takes its place when ${gate}`, null);
      await cutOver(sql, key, { table: statement.table, detail: row.detail });
      return DONE;
    }
    default:
      return begin(performing, row?.detail ?? null);
  }
}

/** Begun before and never seen to end: the table's shape tells. */
async function begin(performing: Performing, begun: StepDetail | null): Promise<PhaseOutcome> {
  const { sql, key, statement } = performing;
  const before = await shapeOf(sql, statement.table);
  if (begun !== null && (begun.before ?? null) !== before) return markDone(performing);
  await writeStep(sql, key, { state: 'begun', detail: before === null ? {} : { before } });
  if (statement.kind !== 'alter') {
    await sql.query(statement.text);
    return markDone(performing);
  }
  if (before === null) return { kind: 'failed', reason: `there is no table ${statement.table}` };
  if (await alterNatively(sql, statement)) return markDone(performing);
  if (!isOscInstalled())
    return waits(
      'pt-online-schema-change is not installed beside this controller; install percona-toolkit',
      null,
    );
  const reason = await reasonToWait(performing);
  if (reason !== null) return waits(reason, null);
  const { copies, place, work, batchMs, nice } = performing.work;
  await copies.begin({ place, key, statement, work, batchMs, nice });
  return { kind: 'more', progress: null };
}

async function markDone({ sql, key }: Performing): Promise<PhaseOutcome> {
  await writeStep(sql, key, { state: 'done', detail: {} });
  return DONE;
}

/** Somewhere a controller runs the copy; here is decided whether it rests. If none does any more, it begins anew. */
async function copying(performing: Performing, detail: StepDetail): Promise<PhaseOutcome> {
  const { sql, key, statement, work } = performing;
  const reason = await reasonToWait(performing);
  await holdStep(sql, key, reason);
  const { copies, place, batchMs, nice } = work;
  await copies.begin({ place, key, statement, work: work.work, batchMs, nice });
  const progress = progressOf(detail);
  await sleep(Math.min(1_000, work.budgetMs));
  return reason === null ? { kind: 'more', progress } : waits(reason, progress);
}

async function compare(performing: Performing, detail: StepDetail): Promise<PhaseOutcome> {
  const { sql, key, statement, work, until } = performing;
  const compared: Compared = {
    table: statement.table,
    shadow: detail.shadow ?? '',
    change: statement.text,
    countOnly: statement.accepted.some(({ rule, reason }) => rule === 'mysql-values' && reason !== ''),
  };
  const lose = async (reason: string): Promise<PhaseOutcome> => {
    await abandonCopy(sql, key, { table: statement.table, detail });
    return { kind: 'failed', reason };
  };
  const plan = await planComparison(sql, compared).catch((error: Error) => error);
  if (plan instanceof Error) return lose(plan.message);
  let [from, rows] = [detail.compared ?? null, detail.rows ?? 0];
  for (;;) {
    const reason = await reasonToWait(performing);
    if (reason !== null) return waits(reason, null);
    const began = performance.now();
    const range = await compareRange(sql, compared, { plan, from });
    if (range.differs)
      return lose(
        `the copy of ${statement.table} differs from it: the change would lose rows or values; accept mysql-values with a reason where values are meant to change`,
      );
    rows += range.rows;
    await holdMysqlFence(sql, key);
    if (range.next === null) {
      await writeStep(sql, key, { state: 'verified', detail });
      return { kind: 'more', progress: null };
    }
    from = range.next;
    await writeStep(sql, key, { state: 'copied', detail: { ...detail, compared: from, rows } });
    if (performance.now() > until) return { kind: 'more', progress: progressOf({ ...detail, rows }) };
    await sleep((performance.now() - began) * work.nice);
  }
}

function progressOf({ rows, total }: StepDetail): Progress | null {
  return rows === undefined ? null : { rows, total: total ?? null, rowsPerSecond: null, batch: null };
}

async function reasonToWait({ sql, work }: Performing): Promise<string | null> {
  const seen = await readMysqlSignals(sql, work.userQuery);
  return throttle([...work.signals, ...seen], work.limits, work.held).reason;
}

function waits(reason: string, progress: Progress | null): PhaseOutcome {
  return { kind: 'waits', reason, progress };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
