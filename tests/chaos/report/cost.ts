import type { Findings } from '../check/check-all.ts';
import { ledgerKey } from '../check/ledger.ts';
import type { Injury } from '../nemesis/nemesis.ts';
import type { AttemptRecord } from '../records.ts';
import { type Plan, STEPS } from '../workload/plan.ts';
import { median } from './quantiles.ts';

/**
 * What a fault cost the runs in its reach. A run is cut into its steps, each from the end of the one
 * before to its own: what that took beyond the step's own sleep and the same stretch of undisturbed
 * runs is the added time. It is charged to the faults that the stretch overlaps and that could reach
 * it, by the length of the overlap, so that a run which several faults hit counts once.
 */
export interface Stretch {
  readonly trigger: string;
  readonly step: number;
  readonly from: number;
  readonly to: number;
  /** Without the step's own sleep. */
  readonly overheadSeconds: number;
}

export interface Cost {
  readonly runsAffected: number;
  readonly stepsRepeated: number;
  /** Of each affected run. */
  readonly addedSeconds: readonly number[];
}

export function stretchesOf(findings: Findings, plans: ReadonlyMap<string, Plan>): readonly Stretch[] {
  return findings.runs.flatMap((run) => {
    const ends = Array.from({ length: STEPS }, (_, step) => endOf(findings.counted, run.trigger, step));
    return ends.flatMap((to, step) => {
      const from = step === 0 ? run.createdAt : ends[step - 1];
      const slept = plans.get(run.trigger)?.seconds[step];
      if (to === undefined || from === undefined || slept === undefined) return [];
      return [{ trigger: run.trigger, step, from, to, overheadSeconds: (to - from) / 1000 - slept }];
    });
  });
}

function endOf(counted: readonly AttemptRecord[], trigger: string, step: number): number | undefined {
  return (
    counted.find((attempt) => attempt.trigger === trigger && attempt.step === step)?.endedAt ?? undefined
  );
}

/** The usual overhead of a first step, which waits for an agent, and of a later one. */
export interface Baseline {
  readonly firstStepSeconds: number;
  readonly laterStepSeconds: number;
}

export function baselineOf(undisturbed: readonly Stretch[]): Baseline {
  const overheads = (first: boolean) =>
    undisturbed.filter(({ step }) => (step === 0) === first).map(({ overheadSeconds }) => overheadSeconds);
  return { firstStepSeconds: median(overheads(true)), laterStepSeconds: median(overheads(false)) };
}

export interface Disturbance {
  readonly injuries: readonly Injury[];
  readonly stretches: readonly Stretch[];
  readonly baseline: Baseline;
  readonly findings: Findings;
}

/** An agent may have been between two steps of a job when it was struck. */
const BETWEEN_STEPS_MS = 1_000;

/** By injury, in the order of `injuries`. */
export function costsOf(disturbance: Disturbance): readonly Cost[] {
  const { injuries, stretches, findings } = disturbance;
  const bills = injuries.map(() => ({ added: new Map<string, number>(), repeated: 0 }));
  for (const stretch of stretches) {
    const reached = injuries.filter((injury) => reaches(injury, stretch, findings.attempts));
    const total = reached.reduce((sum, injury) => sum + overlapMs(injury, stretch), 0);
    const repeated = (findings.ledger.get(ledgerKey(stretch.trigger, stretch.step))?.length ?? 0) > 1;
    for (const injury of reached) {
      const bill = bills[injuries.indexOf(injury)] as (typeof bills)[number];
      const added = (addedSeconds(stretch, disturbance.baseline) * overlapMs(injury, stretch)) / total;
      bill.added.set(stretch.trigger, (bill.added.get(stretch.trigger) ?? 0) + added);
      // Again from the newest of them: before it the step had no reason to.
      if (repeated && injury === reached.at(-1)) bill.repeated += 1;
    }
  }
  return bills.map(({ added, repeated }) => ({
    runsAffected: added.size,
    stepsRepeated: repeated,
    addedSeconds: [...added.values()],
  }));
}

function addedSeconds({ step, overheadSeconds }: Stretch, baseline: Baseline): number {
  return overheadSeconds - (step === 0 ? baseline.firstStepSeconds : baseline.laterStepSeconds);
}

function overlapMs(injury: Injury, stretch: Stretch): number {
  return Math.min(injury.to, stretch.to) - Math.max(injury.from, stretch.from);
}

function reaches(injury: Injury, stretch: Stretch, attempts: readonly AttemptRecord[]): boolean {
  if (overlapMs(injury, stretch) <= 0) return false;
  if (injury.agent === null) return true;
  return attempts.some(
    ({ trigger, agent, startedAt, endedAt }) =>
      trigger === stretch.trigger &&
      agent === injury.agent &&
      startedAt <= injury.from + BETWEEN_STEPS_MS &&
      (endedAt ?? injury.to) >= injury.from - BETWEEN_STEPS_MS,
  );
}
