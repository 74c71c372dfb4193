import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import type { PhaseOutcome, Progress } from '@holdfast/core/migration/migration.ts';
import { type Held, throttle, waits } from '@holdfast/core/migration/throttle.ts';
import type { Work } from '../execute/work-on-phase.ts';
import { hinders } from '../lint/finding.ts';
import { alterBy, SMALL, type Way, waysOf } from './alter-natively.ts';
import { clearCopy, endTool, triggersOf } from './clear-copy.ts';
import { cutOver, isExchanged } from './cut-over.ts';
import { mysqlFailureOf } from './mysql-failure.ts';
import {
  changeLock,
  forgetChange,
  forgetStep,
  holdStep,
  lockByName,
  readStep,
  type StepDetail,
  type StepKey,
  type StepRow,
  takeOverChange,
  writeStep,
} from './mysql-ledger.ts';
import { type MysqlPlace, type MysqlSession, openMysql } from './mysql-session.ts';
import { lintMysql, type MysqlPhase, planOfMysql } from './plan-of-mysql.ts';
import { probe } from './probe.ts';
import { readMysqlSignals } from './read-mysql-signals.ts';
import type { Copies } from './run-copy.ts';
import { shapeOf } from './shape.ts';
import type { MysqlStatement } from './statements.ts';
import { type Compared, compareRange, planComparison } from './verify-copy.ts';

/**
 * Some time of work on one phase in MySQL or MariaDB. A statement is done by the server itself where that keeps
 * nobody out, else by a copy of its table: copied by pt-online-schema-change, compared, and exchanged when the
 * rollout's gate is open. Called again, by anybody, it goes on.
 */
export interface MysqlWork extends Work {
  readonly place: MysqlPlace;
  readonly copies: Copies;
  /** For control files of copies. */
  readonly work: string;
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
  // Held by this very session: one that was lost can write nothing, and one that is asleep keeps all others out.
  if (!(await lockByName(sql, changeLock(work))))
    return waits('another controller is working on this schema change', null);
  const begun = await takeOverChange(sql, work, { digest: source.digest, begins: phase !== 'abort' });
  if (!begun) return DONE;
  if (phase === 'abort') await abandonCopies(sql, work);
  const until = performance.now() + work.budgetMs;
  const statements = planOfMysql(source)[phase];
  for (const [place, statement] of statements.entries()) {
    const key: StepKey = { ...work, phase, place };
    if (performance.now() > until) return { kind: 'more', progress: null };
    const outcome = await performStep({ sql, work, key, statement, until });
    if (outcome.kind !== 'done') return outcome;
  }
  // Without an abort.sql what was done stays, and is not done again.
  if (phase === 'abort') await forgetChange(sql, work, { undone: statements.length > 0 });
  return DONE;
}

async function abandonCopies(sql: MysqlSession, work: MysqlWork): Promise<void> {
  for (const phase of ['expand', 'contract'] as const satisfies readonly MysqlPhase[])
    for (const [place, { table }] of planOfMysql(work.source)[phase].entries()) {
      const key: StepKey = { ...work, phase, place };
      const row = await readStep(sql, key);
      if (row === null || row.state === 'done' || row.state === 'begun') continue;
      const { detail } = row;
      const exchanged = row.state === 'cutting' && (await isExchanged(sql, { table, detail }));
      const problem = exchanged ? await cutOver(sql, key, { table, detail }) : 'aborted';
      if (problem !== null) await leave(sql, key, { table, detail, reason: problem });
    }
}

interface Left {
  readonly table: string;
  readonly detail: StepDetail;
  readonly reason: string;
  /** Trying again may help: nothing is wrong with the change. */
  readonly passing?: boolean;
}

/** Written down before it is cleared away, and forgotten after: a lock that is not to be had leaves nothing behind. */
async function leave(sql: MysqlSession, key: StepKey, { table, detail, reason, passing = false }: Left) {
  await writeStep(sql, key, { state: 'leaving', detail: { ...detail, reason, passing } });
  await endTool(sql, detail.token);
  await clearCopy(sql, table, detail.shadow ?? null);
  await forgetStep(sql, key);
  return passing ? waits(reason, null) : ({ kind: 'failed', reason } as const);
}

async function performStep(performing: Performing): Promise<PhaseOutcome> {
  const { sql, key, statement } = performing;
  const { table } = statement;
  const row = await readStep(sql, key);
  switch (row?.state) {
    case 'done':
      return DONE;
    case 'leaving': {
      const { reason = 'the copy failed', passing = false } = row.detail;
      return leave(sql, key, { table, detail: row.detail, reason, passing });
    }
    case 'copying':
      return copying(performing, row.detail);
    case 'copied':
      return compare(performing, row.detail);
    case 'verified':
    case 'cutting':
      return exchange(performing, row);
    default:
      return begin(performing, row?.detail ?? null);
  }
}

async function exchange(performing: Performing, { state, detail }: StepRow): Promise<PhaseOutcome> {
  const { sql, key, statement, work } = performing;
  const { table } = statement;
  const exchanged = state === 'cutting' && (await isExchanged(sql, { table, detail }));
  const later = exchanged ? null : (work.gate ?? (await reasonToWait(performing))?.reason ?? null);
  if (later !== null) {
    if (detail.waited !== true)
      await writeStep(sql, key, { state: 'verified', detail: { ...detail, waited: true } });
    return waits(`the copy of ${table} is complete; it does not take its place yet: ${later}`, null);
  }
  // What triggers do not see (TRUNCATE) may have happened while it waited: compared once more, right before.
  if (detail.waited === true && !exchanged) {
    const { compared: _, waited: __, ...again } = detail;
    await writeStep(sql, key, { state: 'copied', detail: { ...again, rows: 0 } });
    return { kind: 'more', progress: null };
  }
  const problem = await cutOver(sql, key, { table, detail });
  if (problem === null) return DONE;
  return leave(sql, key, { table, detail, reason: `${problem}; it is copied again`, passing: true });
}

/** Begun before and never seen to end: the shape tells whether it was done. */
async function begin(performing: Performing, begun: StepDetail | null): Promise<PhaseOutcome> {
  const { sql, key, statement } = performing;
  const before = await shapeOf(sql, statement.table);
  if (statement.kind !== 'alter') {
    const done = statement.kind === 'create' ? before !== null : before === null;
    if (begun !== null && done) return markDone(performing);
    const outcome = await attempt(performing, { before }, async () => {
      await sql.slowly(statement.text);
      return true;
    });
    return outcome ?? DONE;
  }
  if (before === null) return { kind: 'failed', reason: `there is no table ${statement.table}` };
  if (begun?.wanted != null && begun.wanted === before) return markDone(performing);
  const probed = await probe(sql, statement);
  const accepted = (rule: string) => statement.accepted.some((one) => one.rule === rule && one.reason !== '');
  const finding = key.phase === 'expand' ? probed.findings.find(({ rule }) => !accepted(rule)) : undefined;
  if (finding)
    return {
      kind: 'failed',
      reason: `${finding.sentence} [${finding.rule}]: move it to contract.sql, or accept it above the statement with -- holdfast-accept ${finding.rule}: REASON`,
    };
  const detail: StepDetail = { before, wanted: probed.wanted, tries: begun?.tries ?? 0 };
  // In place a small table is rounded without a word; a copy is compared.
  const lossy = probed.findings.some(({ rule }) => rule === 'mysql-narrower');
  const ways = (await waysOf(sql, statement)).filter((way) => !(lossy && way === SMALL));
  const outcome = await alterInPlace(performing, { ways, detail });
  if (outcome !== null) return outcome;
  if (probed.bindsKeys)
    return {
      kind: 'failed',
      reason: `a unique key cannot come with a copy of ${statement.table}: rows that break it would vanish; give it a statement of its own (CREATE UNIQUE INDEX)`,
    };
  return beginCopy(performing, detail);
}

const TRIES_IN_PLACE = 2;

/** null: the server can do it in no way that keeps nobody out. */
async function alterInPlace(
  performing: Performing,
  { ways, detail }: { readonly ways: readonly Way[]; readonly detail: StepDetail },
): Promise<PhaseOutcome | null> {
  const { sql, statement } = performing;
  for (const way of ways) {
    if (way.long && (detail.tries ?? 0) >= TRIES_IN_PLACE) continue;
    const reason = way.long ? await reasonToWait(performing) : null;
    if (reason !== null) return waits(reason, null);
    const outcome = await attempt(performing, countedFor(way, detail), () => alterBy(sql, statement, way));
    if (outcome !== null) return outcome;
  }
  return null;
}

/** One that fails for a lock at its end has done all its work for nothing: the next try is counted. */
function countedFor({ long }: Way, detail: StepDetail): StepDetail {
  return long ? { ...detail, tries: (detail.tries ?? 0) + 1 } : detail;
}

const LOST_AT_THE_END = ['ER_LOCK_WAIT_TIMEOUT', 'ER_INNODB_ONLINE_LOG_TOO_BIG'];

/**
 * A statement that surely failed was never begun; one whose end nobody saw stays begun, and the shape tells. `run` says
 * whether it was done; null: the server would not do it so.
 */
async function attempt(
  performing: Performing,
  detail: StepDetail,
  run: () => Promise<boolean>,
): Promise<PhaseOutcome | null> {
  const { sql, key } = performing;
  await writeStep(sql, key, { state: 'begun', detail });
  try {
    if (await run()) return markDone(performing);
    await forgetStep(sql, key);
    return null;
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (LOST_AT_THE_END.includes(code))
      await writeStep(sql, key, { state: 'begun', detail: { tries: detail.tries ?? 0 } });
    else if (error instanceof HoldfastError || /^ER_(?!SERVER_SHUTDOWN|CONNECTION_KILLED)/.test(code))
      await forgetStep(sql, key);
    throw error;
  }
}

async function markDone({ sql, key }: Performing): Promise<PhaseOutcome> {
  await writeStep(sql, key, { state: 'done', detail: {} });
  return DONE;
}

async function beginCopy(performing: Performing, detail: StepDetail): Promise<PhaseOutcome> {
  const { sql, key, statement, work } = performing;
  const { table } = statement;
  if (!/^[\w$]+$/.test(table))
    return { kind: 'failed', reason: `${table}: a table of such a name cannot be copied` };
  const { others } = await triggersOf(sql, table, null);
  if (others.length > 0)
    return {
      kind: 'failed',
      reason: `${table} has triggers (${others.join(', ')}): pt-online-schema-change cannot copy it`,
    };
  const reason = await reasonToWait(performing);
  if (reason !== null) return waits(reason, null);
  return startCopy(performing, { ...work, key, detail });
}

async function startCopy(
  { statement }: Performing,
  {
    copies,
    place,
    work,
    batchMs,
    nice,
    key,
    detail,
  }: MysqlWork & { readonly key: StepKey; readonly detail: StepDetail },
): Promise<PhaseOutcome> {
  if (!(await copies.canCopy()))
    return waits(
      'pt-online-schema-change is not installed beside this controller; install percona-toolkit',
      null,
    );
  await copies.begin({ place, key, statement, work, batchMs, nice, detail });
  return { kind: 'more', progress: null };
}

/** Somewhere a controller runs the copy; here is decided whether it rests. If none does any more, it begins anew. */
async function copying(performing: Performing, detail: StepDetail): Promise<PhaseOutcome> {
  const { sql, key, work } = performing;
  const reason = await reasonToWait(performing);
  await holdStep(sql, key, reason?.reason ?? null);
  const started = await startCopy(performing, { ...work, key, detail });
  if (started.kind === 'waits') return started;
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
  const lose = (reason: string) => leave(sql, key, { table: statement.table, detail, reason });
  if ((await shapeOf(sql, compared.shadow)) !== detail.after) {
    const reason = `the copy of ${statement.table} is gone, or was changed; it is copied again`;
    return leave(sql, key, { table: statement.table, detail, reason, passing: true });
  }
  const plan = await planComparison(sql, compared).catch((error: Error) => error);
  if (plan instanceof HoldfastError) return lose(plan.message);
  if (plan instanceof Error) throw plan;
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

async function reasonToWait({ sql, work }: Performing): Promise<Held | null> {
  const seen = await readMysqlSignals(sql, work.userQuery);
  return throttle([...work.signals, ...seen], work.limits, work.held);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
