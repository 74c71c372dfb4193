import { setTimeout as sleep } from 'node:timers/promises';
import { migrations } from '@holdfast/contract/config/migrations-yaml.ts';
import type { MigrationPhase, PhaseOutcome } from '@holdfast/core/migration/migration.ts';
import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import { DEFAULT_LIMITS, type Limits, type SignalName } from '@holdfast/core/migration/throttle.ts';
import type { Session } from '@holdfast/migration/execute/session.ts';
import { workOnPhase } from '@holdfast/migration/execute/work-on-phase.ts';
import { readMigrations } from '@holdfast/migration/files/read-migrations.ts';
import { round } from '../latency.ts';

/** A phase driven the way the controller drives it: for a while, again, and after a rest when it waits. */
export interface Pace {
  readonly batchMs: number;
  readonly nice: number;
  readonly limits: Limits;
}

export interface PhaseRun {
  readonly rows: number;
  readonly seconds: number;
  readonly finished: boolean;
  /** Why it held still, how often it was told so, and for which part of the time. */
  readonly held: readonly { readonly reason: string; readonly times: number; readonly share: number }[];
  readonly heldShare: number;
}

const { batch, nice } = migrations.parse({ database: '${{ secrets.DATABASE_URL }}' }).throttle;
/** What holdfast.yaml has when it says nothing. */
export const DEFAULT_PACE: Pace = { batchMs: batch, nice, limits: DEFAULT_LIMITS };
/** As fast as it goes: long batches without rest, and nothing that vacuum does or leaves undone holds it. */
export const RESTLESS_PACE: Pace = {
  batchMs: 100,
  nice: 0,
  limits: Object.fromEntries(
    Object.entries(DEFAULT_LIMITS).filter(([name]) => name !== 'vacuumRunning' && name !== 'deadTuples'),
  ),
};
const BUDGET_MS = 1_500;
const REST_MS = 250;

export function renaming({
  from,
  to,
  version,
}: {
  readonly from: string;
  readonly to: string;
  readonly version: number;
}) {
  const text = `changes:\n  - rename: { table: customers, column: ${from}, to: ${to} }`;
  const [source] = readMigrations('m', [{ path: `m/${version}_rename/migration.yaml`, text }]);
  return source as MigrationSource;
}

export async function runPhase(
  session: Session,
  phase: MigrationPhase,
  {
    source,
    pace,
    limitSeconds,
  }: { readonly source: MigrationSource; readonly pace: Pace; readonly limitSeconds: number },
): Promise<PhaseRun> {
  const startedAt = performance.now();
  const waiting = new Waiting();
  const seconds = () => (performance.now() - startedAt) / 1_000;
  let held: SignalName | null = null;
  let rows = 0;
  while (seconds() < limitSeconds) {
    const calledAt = performance.now();
    const work = { scope: 'bench', version: source.version, fence: 1, source, phase, ...pace };
    const outcome: PhaseOutcome = await workOnPhase(session, {
      ...work,
      budgetMs: BUDGET_MS,
      signals: [],
      userQuery: null,
      held,
    });
    const before = rows;
    rows = Math.max(rows, progressOf(outcome));
    if (outcome.kind === 'done') return { rows, ...waiting.over(seconds()), finished: true };
    if (outcome.kind === 'failed' || outcome.kind === 'differs')
      throw new Error(`${phase}: ${outcome.reason}`);
    held = outcome.kind === 'waits' ? outcome.signal : null;
    if (outcome.kind !== 'waits') continue;
    await sleep(REST_MS);
    // A call that moved no row was all waiting; one that did has only its rest counted.
    waiting.add(outcome.reason, rows > before ? REST_MS : performance.now() - calledAt);
  }
  return { rows, ...waiting.over(seconds()), finished: false };
}

function progressOf(outcome: PhaseOutcome): number {
  return outcome.kind === 'more' || outcome.kind === 'waits' ? (outcome.progress?.rows ?? 0) : 0;
}

class Waiting {
  private readonly reasons = new Map<string, { times: number; ms: number }>();

  /** The figures in a sentence differ each time; the sentence is the reason. */
  add(sentence: string, ms: number): void {
    const reason = sentence.replace(/\d[\d.,]*/g, '#');
    const { times, ms: before } = this.reasons.get(reason) ?? { times: 0, ms: 0 };
    this.reasons.set(reason, { times: times + 1, ms: before + ms });
  }

  over(seconds: number) {
    const share = (ms: number) => round(ms / 1_000 / seconds);
    const held = [...this.reasons].map(([reason, { times, ms }]) => ({ reason, times, share: share(ms) }));
    const all = [...this.reasons.values()].reduce((sum, { ms }) => sum + ms, 0);
    return { seconds, held, heldShare: share(all) };
  }
}
