import type { PlanView } from '@holdfast/contract/api/resources.ts';
import { formatDuration, formatShare } from '@holdfast/core/kernel/quantity.ts';
import { isComplete, isGone, labelOf } from '@holdfast/core/migration/migration.ts';
import { type Advice, advise, type Facts, requestsToDecide } from '@holdfast/core/rollout/advise.ts';
import type { RolloutPlan } from '@holdfast/core/rollout/rollout.ts';
import { listHosts } from '@holdfast/postgres/agent/agent-store.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { migrationsOf } from '@holdfast/postgres/migration/migration-store.ts';
import { listReleases } from '@holdfast/postgres/release/release-store.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { instancesOf } from '@holdfast/postgres/rollout/instance-store.ts';
import { nameOf } from '../../environments/gather.ts';
import { planOf } from '../../releases/plan-of.ts';
import { readinessOf, trafficOf } from './describe-environment.ts';

/** What a rollout would do with the traffic of the last minute, in numbers and in sentences. */
export async function describePlan(sql: Queryable, environment: EnvironmentRow): Promise<PlanView> {
  const { config } = environment;
  const plan = planOf(config);
  const traffic = await trafficOf(sql, environment);
  const started = (await listReleases(sql, environment.id, 200)).find((release) => release.start_ms !== null);
  const { hosts } = await listHosts(sql, config.target.hosts.labels);
  const facts: Facts = {
    requestsPerSecond: traffic.requestsPerSecond,
    errorRate: traffic.errorRate,
    sticky: config.traffic.sticky !== 'none',
    startMs: started?.start_ms ?? null,
    zones: new Set(hosts.map((host) => host.zone)).size,
  };
  const advice = advise(plan, facts);
  return {
    environment: nameOf(environment),
    replicas: plan.replicas,
    strategy: advice.strategy,
    recommended: advice.recommended,
    steps: plan.steps.map(({ weight, candidates, dwellMs, gate }) => ({
      weight,
      replicas: candidates,
      dwellMs,
      gate,
    })),
    requestsPerSecond: facts.requestsPerSecond,
    decidable: advice.decidable,
    detectable: advice.detectable,
    shortestMs: advice.shortestMs,
    longestMs: advice.longestMs,
    overloads: [...advice.overloads],
    sentences: [
      `${titleOf(plan)} takes ${formatDuration(advice.shortestMs)} to ${formatDuration(advice.longestMs)}${facts.startMs === null ? ', not counting how long instances take to start' : ''}.`,
      ...decidabilityOf(plan, advice, facts),
      capacityOf(plan, advice, facts),
      ...advice.overloads,
      await readinessSentence(sql, environment),
      ...(await schemaOf(sql, environment)),
      advice.recommended === advice.strategy
        ? `The strategy fits: ${advice.because}.`
        : `Consider strategy.kind: ${advice.recommended}: ${advice.because}.`,
    ],
  };
}

/** Schema changes on their way: both releases bear them, and these are waited for. */
async function schemaOf(sql: Queryable, environment: EnvironmentRow): Promise<readonly string[]> {
  const migrations = (await migrationsOf(sql, environment.id)).map(({ data }) => data);
  return migrations.flatMap((migration) => {
    const { state } = migration;
    if (state === 'done' || state === 'aborted') return [];
    const label = `Schema change ${labelOf(migration)} is ${state}`;
    if (isGone(migration)) return [`${label}: what does not know it can no longer be returned to.`];
    return isComplete(migration)
      ? [`${label}: the release before and the next one both bear it.`]
      : [`${label}: traffic moves to a release that needs it when it is ready.`];
  });
}

function titleOf({ strategy, steps, replicas }: RolloutPlan): string {
  const weights = steps.map((step) => formatShare(step.weight)).join(', ');
  if (strategy === 'blueGreen') return `A switch to ${replicas} new instances`;
  if (strategy === 'rolling') return `Replacing ${replicas} instances over ${weights || 'one batch'}`;
  return `A canary over ${weights}`;
}

function decidabilityOf(plan: RolloutPlan, advice: Advice, facts: Facts): readonly string[] {
  const margin = `${(plan.rule.errorIncrease * 100).toFixed(2)} percentage points`;
  const needed = Math.ceil(requestsToDecide(facts.errorRate, plan.rule.errorIncrease));
  const policy = `When undecided it will ${plan.whenUndecided}.`;
  const said = advice.decidable
    ? `${facts.requestsPerSecond} requests/s are enough to see a rise of ${margin}: about ${needed} requests are needed.`
    : `${facts.requestsPerSecond} requests/s cannot decide a rise of ${margin} in that time: about ${needed} requests are needed. ${policy}`;
  const missed =
    advice.detectable === null
      ? 'No rise of the error rate, however large, would be seen by counting; readiness and probes decide.'
      : `A rise of less than ${(advice.detectable * 100).toFixed(2)} percentage points could be missed.`;
  const plain =
    plan.rule.method === 'plain'
      ? ['The rule is plain: a threshold passed for a while, which noise passes, too.']
      : [];
  return [said, missed, ...plain];
}

function capacityOf(plan: RolloutPlan, { overloads }: Advice, facts: Facts): string {
  if (plan.safeRps === null)
    return 'Capacity is not checked: say strategy.capacity.safeRps, what one replica carries.';
  const zone = plan.zoneLoss ? `, also with one of ${facts.zones} zones lost` : '';
  return overloads.length === 0
    ? `${plan.replicas} replicas of ${plan.safeRps} requests/s carry every step${zone}.`
    : `${plan.replicas} replicas of ${plan.safeRps} requests/s do not carry every step${zone}; such a step is held.`;
}

const READINESS = {
  full: 'Readiness is a report that names its release.',
  shallow: 'Readiness is shallow: a plain 200 is believed, and no business probe is asked.',
  unknown: 'How much readiness says is not known before an instance is ready.',
} as const;

async function readinessSentence(sql: Queryable, environment: EnvironmentRow): Promise<string> {
  const { probes } = environment.config.readiness;
  if (probes.length > 0) return `Readiness asks ${probes.length} business probes.`;
  return READINESS[readinessOf(environment, await instancesOf(sql, environment.id))];
}
