import type { EnvironmentConfig } from '@holdfast/contract/config/holdfast-yaml.ts';
import { rollingOf, type StrategyConfig } from '@holdfast/contract/config/strategy-yaml.ts';
import type { RolloutPlan, RolloutStep } from '@holdfast/core/rollout/rollout.ts';
import { blueGreenSteps } from '@holdfast/core/rollout/strategies/blue-green.ts';
import { canarySteps } from '@holdfast/core/rollout/strategies/canary.ts';
import { rollingSteps } from '@holdfast/core/rollout/strategies/rolling.ts';
import { type Route, WHOLE } from '@holdfast/core/traffic/traffic.ts';

/** The chance to abort a healthy release, over its whole rollout and all metrics. */
const ALPHA = 0.01;

/** What a release's frozen configuration says, as the plan that its rollout follows. */
export function planOf(config: EnvironmentConfig): RolloutPlan {
  const { strategy, target, readiness } = config;
  const { analysis, capacity } = strategy;
  const { replicas } = target;
  return {
    strategy: strategy.kind,
    replicas,
    steps: stepsOf(strategy, replicas),
    baseline:
      strategy.kind === 'canary' ? strategy.baseline : strategy.kind === 'rolling' ? 'stable' : 'before',
    ceiling: strategy.kind === 'rolling' ? replicas + rollingOf(strategy, replicas).surge : null,
    safeRps: capacity?.safeRps ?? null,
    zoneLoss: capacity?.zoneLoss ?? false,
    preview: strategy.kind === 'blueGreen' ? (strategy.preview?.listen ?? null) : null,
    warmupMs: analysis.warmup,
    deadlineMs: analysis.deadline,
    rule: {
      metrics: (analysis.metrics ?? []).map(({ name, direction, margin }) => ({
        name,
        direction,
        margin: margin / WHOLE,
      })),
      method: analysis.plain ? 'plain' : strategy.kind === 'blueGreen' ? 'before' : 'sequential',
      plainForMs: analysis.plain?.for ?? 0,
      alpha: ALPHA,
      errorIncrease: analysis.errorRate.increase,
      latencyQuantile: 0.95,
      latencyIncreaseMs: analysis.latency.p95.increase,
      minimumRequests: analysis.minimumRequests,
    },
    whenUndecided: analysis.whenUndecided,
    whenInsufficient: analysis.whenInsufficient,
    automatic: config.rollback.automatic ?? true,
    readinessDeadlineMs: readiness.deadline,
    soakMs: strategy.soak,
    approvals: config.approvals?.count ?? 0,
  };
}

function stepsOf(strategy: StrategyConfig, replicas: number): readonly RolloutStep[] {
  const { dwell } = strategy.analysis;
  switch (strategy.kind) {
    case 'rolling':
      return rollingSteps(rollingOf(strategy, replicas), replicas);
    case 'blueGreen':
      return blueGreenSteps({ gate: strategy.gate === 'manual', dwellMs: dwell }, replicas);
    case 'canary':
      return canarySteps(
        strategy.steps.map((step) => ({
          weight: step.weight,
          dwellMs: step.dwell ?? dwell,
          replicas: step.replicas ?? null,
          gate: step.gate === 'manual',
          mirror: step.mirror ?? 0,
          routes: routesOf(step),
        })),
        replicas,
      );
  }
}

type CanaryStep = Extract<StrategyConfig, { readonly kind: 'canary' }>['steps'][number];

function routesOf({ header, cookie }: CanaryStep): readonly Route[] {
  return [
    ...(header ? [{ kind: 'header' as const, ...header }] : []),
    ...(cookie ? [{ kind: 'cookie' as const, ...cookie }] : []),
  ];
}
