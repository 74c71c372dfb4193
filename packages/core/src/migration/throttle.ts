import { formatBytes, formatDuration } from '../kernel/quantity.ts';
import type { PhaseOutcome, Progress } from './migration.ts';

/**
 * Whether a backfill, a copy or an index build should hold still now. Any single signal stops it; it
 * goes on when that one is well below its limit again, so that it does not flutter.
 */
export interface Signal {
  readonly name: SignalName;
  readonly value: number;
}

export const SIGNALS = [
  'replicaLagMs',
  'replicaLagBytes',
  'slotBytes',
  'archiveBacklog',
  'oldestTransactionMs',
  'vacuumRunning',
  'deadTuples',
  'activeBackends',
  'databaseBytes',
  'waitingForLock',
  'foregroundP95Ratio',
  'rolloutHarm',
  'outsideWindows',
  'userQuery',
] as const;
export type SignalName = (typeof SIGNALS)[number];

/** A signal without a limit is shown and stops nothing. */
export type Limits = Partial<Record<SignalName, number>>;

/**
 * Autovacuum is shown and stops no backfill: its lock lets rows be changed, and waiting for it was 58 % of a
 * backfill of five million rows (bench migration). Statements that it does block wait for it (execute/blockers.ts).
 */
export const DEFAULT_LIMITS: Limits = {
  replicaLagMs: 1_500,
  replicaLagBytes: 64 * 1024 * 1024,
  slotBytes: 1024 * 1024 * 1024,
  archiveBacklog: 64,
  oldestTransactionMs: 300_000,
  // One pass over a whole table leaves half of it dead: only what comes on top makes it wait.
  deadTuples: 0.6,
  activeBackends: 50,
  waitingForLock: 0,
  foregroundP95Ratio: 1.5,
  rolloutHarm: 0,
  outsideWindows: 0,
  userQuery: 0,
};

/** Goes on below this part of the limit. */
const RESUME_AT = 0.7;

/** Why it holds still, and which signal says so. */
export interface Held {
  readonly signal: SignalName;
  readonly reason: string;
}

/** held: the signal that stopped it before; another one that is merely high is no reason to go on waiting. */
export function throttle(signals: readonly Signal[], limits: Limits, held: SignalName | null): Held | null {
  for (const { name, value } of signals) {
    const limit = limits[name];
    if (limit === undefined) continue;
    if (value > (name === held ? limit * RESUME_AT : limit))
      return { signal: name, reason: sentenceOf(name, value, limit) };
  }
  return null;
}

/** What the executor comes back with when something, or a signal, keeps it from working. */
export function waits(why: string | Held, progress: Progress | null): PhaseOutcome {
  return typeof why === 'string'
    ? { kind: 'waits', reason: why, signal: null, progress }
    : { kind: 'waits', ...why, progress };
}

function sentenceOf(name: SignalName, value: number, limit: number): string {
  switch (name) {
    case 'replicaLagMs':
      return `a replica is ${formatDuration(value)} behind, the limit is ${formatDuration(limit)}`;
    case 'replicaLagBytes':
      return `a replica is ${formatBytes(value)} behind, the limit is ${formatBytes(limit)}`;
    case 'slotBytes':
      return `a replication slot holds back ${formatBytes(value)} of WAL, the limit is ${formatBytes(limit)}`;
    case 'archiveBacklog':
      return `${value} WAL segments wait to be archived, the limit is ${limit}`;
    case 'oldestTransactionMs':
      return `a transaction is open for ${formatDuration(value)}, so vacuum cannot clean up; the limit is ${formatDuration(limit)}`;
    case 'vacuumRunning':
      return 'autovacuum works on the table';
    case 'deadTuples':
      return `${Math.round(value * 100)} % of the table are dead rows, the limit is ${Math.round(limit * 100)} %`;
    case 'activeBackends':
      return `${value} sessions are active, the limit is ${limit}`;
    case 'databaseBytes':
      return `the database has ${formatBytes(value)}, its watermark is ${formatBytes(limit)}`;
    case 'waitingForLock':
      return `${value} sessions wait for locks of the migration`;
    case 'foregroundP95Ratio':
      return `the app's p95 is ${value.toFixed(1)} times what it was before, the limit is ${limit}`;
    case 'rolloutHarm':
      return 'the rollout is worse than the release before';
    case 'outsideWindows':
      return 'it is outside the maintenance windows';
    case 'userQuery':
      return `the environment's own throttle query says ${value}`;
  }
}
