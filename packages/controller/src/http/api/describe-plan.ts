import type { PlanView } from '@holdfast/contract/api/resources.ts';
import { formatDuration, formatShare } from '@holdfast/core/kernel/quantity.ts';
import { replicasFor } from '@holdfast/core/rollout/plan.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { nameOf } from '../../environments/watch-environment.ts';
import { planOf } from '../../releases/start-rollout.ts';
import { trafficOf } from './describe-environment.ts';

/**
 * What a rollout would do with the traffic of the last minute, and whether that traffic can decide
 * the rule: the fixed-sample size of reference/rollouts.md §2.4 I, one-sided 5 %, power 80 %.
 */
export async function describePlan(sql: Queryable, environment: EnvironmentRow): Promise<PlanView> {
  const plan = planOf(environment.config);
  const traffic = await trafficOf(sql, environment);
  const steps = plan.steps.map((step) => ({
    weight: step.weight,
    replicas: replicasFor(step.weight, plan.replicas),
    dwellMs: step.dwellMs,
  }));
  const watched = plan.steps.reduce(
    (sum, step) => sum + traffic.requestsPerSecond * (step.weight / 10_000) * (plan.deadlineMs / 1000),
    0,
  );
  const needed = sampleSize(traffic.errorRate, plan.rule.errorIncrease);
  const decidable = watched >= needed;
  const shortest = plan.steps.reduce((sum, step) => sum + step.dwellMs, 0);
  const longest = plan.steps.reduce((sum) => sum + plan.deadlineMs, 0);
  const margin = `${(plan.rule.errorIncrease * 100).toFixed(2)} percentage points`;
  return {
    environment: nameOf(environment),
    replicas: plan.replicas,
    steps,
    requestsPerSecond: traffic.requestsPerSecond,
    decidable,
    sentences: [
      `A canary over ${plan.steps.map((step) => formatShare(step.weight)).join(', ')} takes ${formatDuration(shortest)} to ${formatDuration(longest)}.`,
      decidable
        ? `${traffic.requestsPerSecond} requests/s are enough to see a rise of ${margin}: about ${Math.ceil(needed)} requests are needed, about ${Math.floor(watched)} would reach the candidate.`
        : `${traffic.requestsPerSecond} requests/s cannot decide a rise of ${margin} in that time: about ${Math.ceil(needed)} requests are needed, about ${Math.floor(watched)} would reach the candidate. When undecided it will ${plan.whenUndecided}.`,
      environment.config.readiness.probes.length === 0
        ? 'Readiness is shallow: a plain 200 is believed, and no business probe is asked.'
        : `Readiness asks ${environment.config.readiness.probes.length} business probes.`,
    ],
  };
}

function sampleSize(base: number, margin: number): number {
  const p0 = Math.max(base, 0.0005);
  const p1 = p0 + margin;
  return (6.18 * (p0 * (1 - p0) + p1 * (1 - p1))) / (margin * margin);
}
