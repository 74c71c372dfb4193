import { planned } from './begin.ts';
import { decide } from './decide.ts';
import type { EnvironmentView } from './desire.ts';
import { checkRollout } from './invariants.ts';
import type { ArmFleet, Observation, Rollout, RolloutEvent, RolloutPlan } from './rollout.ts';
import { canarySteps } from './strategies/canary.ts';

/** A rollout driven by observations and a clock of one's own: what the rollout machine's tests are made of. */

/** Stirling with correction terms: enough for tests; production uses a library. */
export const special = {
  lnGamma: (x: number): number =>
    x < 7
      ? special.lnGamma(x + 1) - Math.log(x)
      : (x - 0.5) * Math.log(x) - x + 0.9189385332046727 + 1 / (12 * x) - 1 / (360 * x ** 3),
};

export const PLAN: RolloutPlan = {
  strategy: 'canary',
  replicas: 4,
  steps: canarySteps(
    [500, 5_000].map((weight) => ({
      weight,
      dwellMs: 1_000,
      replicas: null,
      gate: false,
      mirror: 0,
      routes: [],
    })),
    4,
  ),
  baseline: 'fresh',
  ceiling: null,
  safeRps: null,
  zoneLoss: false,
  preview: null,
  warmupMs: 0,
  deadlineMs: 5_000,
  rule: {
    metrics: [],
    method: 'sequential',
    plainForMs: 0,
    alpha: 0.01,
    errorIncrease: 0.02,
    latencyQuantile: 0.95,
    latencyIncreaseMs: 50,
    minimumRequests: 50,
  },
  whenUndecided: 'advance',
  whenInsufficient: 'probe',
  automatic: true,
  readinessDeadlineMs: 10_000,
  soakMs: 1_000,
  approvals: 0,
};

export const ROLLOUT: Rollout = planned(
  {
    id: 'rollout',
    environment: 'env',
    kind: 'release',
    candidate: 'r2',
    stable: 'r1',
    askedBy: null,
    plan: PLAN,
  },
  0,
);

export function fleet(ready: number, over: Partial<ArmFleet> = {}): ArmFleet {
  return { ready, dependable: ready, crashed: 0, complaint: null, ...over };
}

export const ALL_READY: Observation = {
  candidate: fleet(4),
  baseline: fleet(4),
  stable: fleet(4),
  stableReplicas: 4,
  schema: { start: null, traffic: null },
  requestsPerSecond: null,
  blocked: null,
  approvals: 0,
  routers: { published: true, acknowledged: true, mute: [], count: 2 },
};

export const ENVIRONMENT: EnvironmentView = {
  stable: 'r1',
  previous: 'r0',
  replicas: 4,
  previousReplicas: 4,
  keepHot: true,
};

export class Driver {
  rollout: Rollout;
  now = 0;
  effects: string[] = [];

  constructor(over: Partial<Rollout> = {}) {
    this.rollout = { ...ROLLOUT, ...over };
  }

  tick(over: Partial<Observation> = {}, afterMs = 100): this {
    this.now += afterMs;
    return this.do({ kind: 'tick', observation: { ...ALL_READY, ...over } });
  }

  do(event: RolloutEvent): this {
    const decided = decide(this.rollout, event, { now: this.now, special });
    if (!decided.ok) throw new Error(decided.refusal.sentence);
    this.rollout = decided.value.rollout;
    checkRollout(this.rollout);
    this.effects.push(
      ...decided.value.effects.map((effect) => (effect.kind === 'announce' ? effect.state : effect.kind)),
    );
    return this;
  }

  until(state: string): this {
    for (let ticks = 0; this.rollout.state !== state; ticks += 1) {
      if (ticks > 200) throw new Error(`never ${state}, still ${this.rollout.state}`);
      this.tick();
    }
    return this;
  }

  feed(
    candidate: { n: number; failed: number; ms?: number },
    stable: { n: number; failed: number; ms?: number },
  ): this {
    const arm = (side: { n: number; failed: number; ms?: number }) => ({
      units: side.n,
      failedUnits: side.failed,
      requests: side.n,
      latency: { [Math.ceil(Math.log(side.ms ?? 20) / Math.log(1.02))]: side.n },
    });
    const evidence = {
      ...this.rollout.evidence,
      expectedFailures: stable.n === 0 ? 0 : (candidate.n * stable.failed) / stable.n,
      candidate: arm(candidate),
      stable: arm(stable),
      baseline: arm(stable),
    };
    this.rollout = { ...this.rollout, evidence };
    return this;
  }
}
