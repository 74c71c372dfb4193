import { judge } from '../analysis/judge.ts';
import { unreachable } from '../kernel/invariant.ts';
import { formatShare } from '../kernel/quantity.ts';
import { accept, type Result, refuse } from '../kernel/result.ts';
import { WHOLE } from '../traffic/traffic.ts';
import { baselineShare, currentStep, replicasFor } from './plan.ts';
import type { RolloutWorld } from './ports.ts';
import {
  isFinal,
  type Observation,
  type Rollout,
  type RolloutEffect,
  type RolloutEvent,
  type RolloutRefusal,
  type RolloutState,
} from './rollout.ts';

export interface RolloutDecision {
  readonly rollout: Rollout;
  readonly effects: readonly RolloutEffect[];
}

/** An abort does not wait longer than this for a mute router: it fails over to stable by itself. */
const ABORT_PATIENCE_MS = 2_000;
const CRASHES_TOLERATED = 3;

export function decide(
  rollout: Rollout,
  event: RolloutEvent,
  world: RolloutWorld,
): Result<RolloutDecision, RolloutRefusal> {
  if (isFinal(rollout.state)) {
    if (event.kind === 'tick') return stay(rollout);
    return refuse({ code: 'rolloutEnded', sentence: `the rollout is already ${rollout.state}` });
  }
  switch (event.kind) {
    case 'tick':
      return tick(rollout, event.observation, world);
    case 'abort':
      // Asked twice is asked once: the patience with mute routers does not begin again.
      if (rollout.state === 'aborting') return stay(rollout);
      if (rollout.state === 'soaking')
        return unfit(rollout, 'aborted; roll back instead: the release is stable already');
      return to(rollout, 'aborting', { now: world.now, reason: event.reason });
    case 'supersede':
      return to(rollout, 'superseded', { now: world.now, reason: `superseded by release ${event.by}` });
    case 'pause':
      return pause(rollout, world);
    case 'resume':
      return resume(rollout, world);
    case 'advance':
      return advance(rollout, event.full, world);
    default:
      return unreachable(event);
  }
}

function tick(
  rollout: Rollout,
  seen: Observation,
  world: RolloutWorld,
): Result<RolloutDecision, RolloutRefusal> {
  const { now } = world;
  const harm = harmOf(rollout, seen, world);
  if (harm !== null) return retreat(harm.rollout, harm.reason, now);
  switch (rollout.state) {
    case 'planned':
    case 'awaitingApproval':
    case 'expanding':
      return to(rollout, 'starting', { now });
    case 'starting':
      return startingTick(rollout, seen, now);
    case 'ready':
      return shift(rollout, now);
    case 'shifting':
      return seen.routers.published && seen.routers.acknowledged
        ? to(rollout, 'analysing', { now })
        : stay(rollout);
    case 'analysing':
      return analysingTick(rollout, seen, world);
    case 'promoting':
      return promotingTick(rollout, seen, now);
    case 'rollingBack':
      return seen.routers.published && seen.routers.acknowledged
        ? finish(rollout, 'rolledBack', now)
        : stay(rollout);
    case 'soaking':
      return now - rollout.stateSince >= rollout.plan.soakMs ? to(rollout, 'done', { now }) : stay(rollout);
    case 'aborting':
      return abortingTick(rollout, seen, now);
    default:
      return stay(rollout);
  }
}

/** Wherever the candidate has traffic, harm ends the rollout, not only while a step is analysed. */
const WATCHED: readonly RolloutState[] = [
  'starting',
  'ready',
  'shifting',
  'analysing',
  'held',
  'promoting',
  'soaking',
];

function harmOf(
  rollout: Rollout,
  seen: Observation,
  world: RolloutWorld,
): { readonly rollout: Rollout; readonly reason: string } | null {
  if (
    rollout.weight === 0 ||
    rollout.kind === 'rollback' ||
    rollout.stable === null ||
    !WATCHED.includes(rollout.state)
  )
    return null;
  if (seen.candidate.crashed >= CRASHES_TOLERATED) {
    return {
      rollout,
      reason: `the candidate keeps crashing: ${seen.candidate.complaint ?? 'no reason given'}`,
    };
  }
  const judgement = judge(rollout.evidence, rollout.plan.rule, world.special);
  return judgement.verdict === 'worse'
    ? { rollout: { ...rollout, judgement }, reason: judgement.sentence }
    : null;
}

/** Soaking, the candidate is stable already: the former release, still running, becomes it again. */
function retreat(rollout: Rollout, reason: string, now: number): Result<RolloutDecision, RolloutRefusal> {
  const moved = to(rollout, 'aborting', { now, reason });
  if (!moved.ok || rollout.state !== 'soaking' || rollout.stable === null) return moved;
  const back: RolloutEffect = { kind: 'restoreStable', release: rollout.stable, instead: rollout.candidate };
  return accept({ rollout: moved.value.rollout, effects: [back, ...moved.value.effects] });
}

function startingTick(
  rollout: Rollout,
  seen: Observation,
  now: number,
): Result<RolloutDecision, RolloutRefusal> {
  const { plan } = rollout;
  const wanted = wantedReplicas(rollout);
  if (seen.candidate.ready >= wanted.candidate && seen.baseline.ready >= wanted.baseline) {
    return to(rollout, 'ready', { now });
  }
  if (seen.candidate.crashed >= CRASHES_TOLERATED) {
    return giveUp(
      rollout,
      `the candidate crashed ${seen.candidate.crashed} times: ${seen.candidate.complaint ?? 'no reason given'}`,
      now,
    );
  }
  if (now - rollout.stateSince < plan.readinessDeadlineMs) return stay(rollout);
  const short = `${seen.candidate.ready} of ${wanted.candidate} candidate instances became ready in time`;
  return giveUp(rollout, seen.candidate.complaint ? `${short}: ${seen.candidate.complaint}` : short, now);
}

function wantedReplicas(rollout: Rollout): { readonly candidate: number; readonly baseline: number } {
  const { plan } = rollout;
  if (rollout.stable === null || rollout.kind === 'rollback')
    return { candidate: plan.replicas, baseline: 0 };
  const weight = currentStep(plan, rollout.step)?.weight ?? WHOLE;
  const baseline = plan.baseline === 'fresh' ? replicasFor(baselineShare(weight), plan.replicas) : 0;
  return { candidate: replicasFor(weight, plan.replicas), baseline };
}

/** Without a stable release there is nothing to abort to. */
function giveUp(rollout: Rollout, reason: string, now: number): Result<RolloutDecision, RolloutRefusal> {
  return to(rollout, rollout.stable === null ? 'failed' : 'aborting', { now, reason });
}

function shift(rollout: Rollout, now: number): Result<RolloutDecision, RolloutRefusal> {
  if (rollout.kind === 'rollback') return to({ ...rollout, weight: WHOLE }, 'rollingBack', { now });
  const step = currentStep(rollout.plan, rollout.step);
  if (rollout.stable === null || step === null) return to(rollout, 'promoting', { now });
  // From here on routers may send it requests, one after the other.
  return to({ ...rollout, weight: step.weight, trafficSince: rollout.trafficSince ?? now }, 'shifting', {
    now,
  });
}

function analysingTick(
  rollout: Rollout,
  seen: Observation,
  world: RolloutWorld,
): Result<RolloutDecision, RolloutRefusal> {
  const { now } = world;
  const { plan } = rollout;
  const judgement = judge(rollout.evidence, plan.rule, world.special);
  const judged = { ...rollout, judgement };
  const elapsed = now - rollout.stateSince;
  const dwell = currentStep(plan, rollout.step)?.dwellMs ?? 0;
  if (elapsed < dwell) return stay(judged);
  if (judgement.verdict === 'notWorse') return next(judged, now);
  if (elapsed < plan.deadlineMs) return stay(judged);
  if (judgement.verdict === 'undecided')
    return byPolicy(judged, plan.whenUndecided, { now, why: 'undecided at the deadline' });
  if (plan.whenInsufficient !== 'probe') {
    return byPolicy(judged, plan.whenInsufficient, { now, why: judgement.sentence });
  }
  const wanted = wantedReplicas(rollout);
  return seen.candidate.ready >= wanted.candidate
    ? next({ ...judged, unjudged: true }, now)
    : to(judged, 'aborting', {
        now,
        reason: `too few requests to judge, and the probes fail: ${seen.candidate.complaint ?? ''}`,
      });
}

function byPolicy(
  rollout: Rollout,
  policy: 'advance' | 'hold' | 'abort',
  { now, why }: { readonly now: number; readonly why: string },
): Result<RolloutDecision, RolloutRefusal> {
  if (policy === 'advance') return next(rollout, now);
  return to(rollout, policy === 'hold' ? 'held' : 'aborting', { now, reason: why });
}

function next(rollout: Rollout, now: number): Result<RolloutDecision, RolloutRefusal> {
  const step = rollout.step + 1;
  const last = step >= rollout.plan.steps.length;
  return to({ ...rollout, step: last ? rollout.plan.steps.length : step }, last ? 'promoting' : 'starting', {
    now,
  });
}

function promotingTick(
  rollout: Rollout,
  seen: Observation,
  now: number,
): Result<RolloutDecision, RolloutRefusal> {
  const { plan } = rollout;
  if (rollout.weight < WHOLE) {
    if (seen.candidate.ready >= plan.replicas)
      return accept({ rollout: { ...rollout, weight: WHOLE }, effects: [] });
    if (now - rollout.stateSince < plan.readinessDeadlineMs) return stay(rollout);
    return giveUp(
      rollout,
      `${seen.candidate.ready} of ${plan.replicas} instances became ready for promotion: ${seen.candidate.complaint ?? 'no reason given'}`,
      now,
    );
  }
  return seen.routers.published && seen.routers.acknowledged
    ? finish(rollout, 'soaking', now)
    : stay(rollout);
}

function abortingTick(
  rollout: Rollout,
  seen: Observation,
  now: number,
): Result<RolloutDecision, RolloutRefusal> {
  const released = seen.routers.published && seen.routers.acknowledged;
  const patient = now - rollout.stateSince < ABORT_PATIENCE_MS;
  return released || !patient ? to({ ...rollout, weight: 0 }, 'aborted', { now }) : stay(rollout);
}

function finish(rollout: Rollout, state: RolloutState, now: number): Result<RolloutDecision, RolloutRefusal> {
  const moved = to(rollout, state, { now });
  if (!moved.ok) return moved;
  const effects: RolloutEffect[] = [
    { kind: 'makeStable', release: rollout.candidate },
    ...moved.value.effects,
  ];
  return accept({ rollout: moved.value.rollout, effects });
}

function pause(rollout: Rollout, { now }: RolloutWorld): Result<RolloutDecision, RolloutRefusal> {
  const fit: readonly RolloutState[] = ['planned', 'starting', 'ready', 'shifting', 'analysing', 'held'];
  if (!fit.includes(rollout.state)) return unfit(rollout, 'paused');
  return to({ ...rollout, pausedFrom: rollout.state }, 'paused', { now });
}

function resume(rollout: Rollout, { now }: RolloutWorld): Result<RolloutDecision, RolloutRefusal> {
  if (rollout.state !== 'paused') return unfit(rollout, 'resumed');
  return to({ ...rollout, pausedFrom: null }, rollout.pausedFrom ?? 'planned', { now });
}

function advance(
  rollout: Rollout,
  full: boolean,
  { now }: RolloutWorld,
): Result<RolloutDecision, RolloutRefusal> {
  const fit: readonly RolloutState[] = ['shifting', 'analysing', 'held'];
  if (!fit.includes(rollout.state)) return unfit(rollout, 'advanced');
  if (full)
    return to({ ...rollout, step: rollout.plan.steps.length }, 'promoting', {
      now,
      reason: 'advanced to the whole traffic by hand',
    });
  return next(rollout, now);
}

function unfit(rollout: Rollout, verb: string): Result<RolloutDecision, RolloutRefusal> {
  const at = `${rollout.state} at ${formatShare(rollout.weight)}`;
  return refuse({ code: 'rolloutStateUnfit', sentence: `the rollout is ${at} and cannot be ${verb} now` });
}

function stay(rollout: Rollout): Result<RolloutDecision, RolloutRefusal> {
  return accept({ rollout, effects: [] });
}

function to(
  rollout: Rollout,
  state: RolloutState,
  { now, reason }: { readonly now: number; readonly reason?: string },
): Result<RolloutDecision, RolloutRefusal> {
  const moved = { ...rollout, state, stateSince: now, reason: reason ?? rollout.reason };
  return accept({ rollout: moved, effects: [{ kind: 'announce', state, reason: moved.reason }] });
}
