import { describeMachine } from '../../../tools/describe-machine.ts';
import type { Findings } from '../check/check-all.ts';
import type { Injury } from '../nemesis/nemesis.ts';
import type { Options } from '../options.ts';
import type { AttemptRecord } from '../records.ts';
import { MACHINE_STEP } from '../workload/plan.ts';
import type { SentTrigger } from '../workload/send-trigger.ts';
import type { Baseline, Cost } from './cost.ts';
import { quantile } from './quantiles.ts';

/** The closing document: one row a fault, one row a recovery, and what the figures belong to. */
export interface FaultRow {
  readonly fault: string;
  readonly n: number;
  readonly runsAffected: number;
  readonly stepsRepeated: number;
  readonly addedSeconds: Spread;
}

export interface RecoveryRow {
  readonly fault: string;
  readonly what: string;
  readonly n: number;
  readonly seconds: Spread;
  readonly boundSeconds: number | null;
}

export interface Spread {
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

export interface Observed {
  readonly options: Options;
  readonly findings: Findings;
  readonly misses: readonly string[];
  readonly sent: readonly SentTrigger[];
  readonly injuries: readonly Injury[];
  readonly costs: readonly Cost[];
  readonly baseline: Baseline;
  readonly tookSeconds: number;
}

export type Report = ReturnType<typeof reportOf>;

export function reportOf({
  options,
  findings,
  misses,
  sent,
  injuries,
  costs,
  baseline,
  tookSeconds,
}: Observed) {
  const tries = sent.flatMap((trigger) => trigger.tries);
  const executions = [...findings.ledger.values()];
  return {
    suite: 'chaos',
    ...describeMachine(),
    seed: options.seed,
    agentTimers: options.tuned ? 'suspect 2 s, lost 4 s' : 'suspect 6 s, lost 10 s',
    n: findings.runs.length,
    concurrency: options.concurrency,
    tookSeconds: round(tookSeconds),
    triggers: {
      sent: sent.length,
      acknowledged: sent.filter(({ id }) => id !== null).length,
      triesUnknown: tries.filter(({ outcome }) => outcome === 'unknown').length,
      /** From the first try to the acknowledgement. */
      acknowledgedAfterSeconds: spreadOf(sent.flatMap(waitOf)),
      triesRefused: tries.filter(({ outcome }) => outcome === 'refused').length,
    },
    runs: {
      succeeded: findings.runs.filter(({ state }) => state === 'succeeded').length,
      other: findings.runs.filter(({ state }) => state !== 'succeeded').length,
    },
    steps: {
      counted: findings.counted.length,
      executed: executions.flat().length,
      repeated: executions.filter((list) => list.length > 1).length,
      doneAgain: findings.attempts.filter(isDoneAgain).length,
    },
    baselineOverheadSeconds: {
      firstStep: round(baseline.firstStepSeconds),
      laterStep: round(baseline.laterStepSeconds),
    },
    faults: faultRows(injuries, costs),
    recoveries: recoveryRows(injuries),
    misses,
  };
}

/** By HOLDFAST_ON_RESTORE: whole, and not counted. */
function isDoneAgain({ step, counted, state, reason }: AttemptRecord): boolean {
  const isAgain = reason?.includes('HOLDFAST_ON_RESTORE') ?? false;
  return step === MACHINE_STEP && !counted && state === 'succeeded' && isAgain;
}

function waitOf({ id, tries }: SentTrigger): readonly number[] {
  const [first, last] = [tries[0], tries.at(-1)];
  return id === null || !first || !last ? [] : [(last.at - first.at) / 1000];
}

function faultRows(injuries: readonly Injury[], costs: readonly Cost[]): readonly FaultRow[] {
  return kindsOf(injuries).map((fault) => {
    const own = costs.filter((_, index) => injuries[index]?.kind === fault);
    return {
      fault,
      n: own.length,
      runsAffected: sum(own.map(({ runsAffected }) => runsAffected)),
      stepsRepeated: sum(own.map(({ stepsRepeated }) => stepsRepeated)),
      addedSeconds: spreadOf(own.flatMap(({ addedSeconds }) => addedSeconds)),
    };
  });
}

function recoveryRows(injuries: readonly Injury[]): readonly RecoveryRow[] {
  return kindsOf(injuries).flatMap((fault) => {
    const samples = injuries.filter(({ kind }) => kind === fault).flatMap((injury) => injury.samples);
    return [...new Set(samples.map(({ what }) => what))].map((what) => {
      const own = samples.filter((sample) => sample.what === what);
      const seconds = spreadOf(own.map((sample) => sample.seconds));
      return { fault, what, n: own.length, seconds, boundSeconds: own[0]?.boundSeconds ?? null };
    });
  });
}

function kindsOf(injuries: readonly Injury[]): readonly string[] {
  return [...new Set(injuries.map(({ kind }) => kind))].sort();
}

function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) return { p50: null, p99: null, max: null };
  return {
    p50: round(quantile(values, 0.5)),
    p99: round(quantile(values, 0.99)),
    max: round(Math.max(...values)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
