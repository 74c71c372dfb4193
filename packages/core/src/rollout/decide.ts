import { judge } from '../analysis/judge.ts';
import { unreachable } from '../kernel/invariant.ts';
import { accept, type Result, refuse } from '../kernel/result.ts';
import { WHOLE } from '../traffic/traffic.ts';
import { carriesAll, overload } from './capacity.ts';
import {
  abort,
  carryOn,
  finish,
  hold,
  next,
  type RolloutDecision,
  shift,
  stay,
  to,
  unfit,
  withTraffic,
} from './moves.ts';
import { currentStep, isWhole, servingReplicas, wantedReplicas } from './plan.ts';
import type { RolloutWorld } from './ports.ts';
import {
  isFinal,
  type Observation,
  type Rollout,
  type RolloutEvent,
  type RolloutRefusal,
  type RolloutState,
} from './rollout.ts';
import { advance, pause, resume, supersede } from './steer.ts';

/** An abort does not wait longer than this for a mute router: it fails over to stable by itself. */
const ABORT_PATIENCE_MS = 2_000;
const WAITING: readonly RolloutState[] = ['planned', 'awaitingApproval', 'expanding'];
const CRASHES_TOLERATED = 3;
/** With fewer than half of its instances ready for so long, a candidate has failed its probes. */
const UNREADY_MS = 5_000;

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
      if (rollout.promoted && rollout.heldFor !== 'harm')
        return unfit(rollout, 'aborted; roll back instead: the release is stable already');
      // Nothing of it runs yet, and nothing of it is started to be ended.
      if (WAITING.includes(rollout.pausedFrom ?? rollout.state))
        return to(rollout, 'aborted', { now: world.now, reason: event.reason });
      return abort(rollout, event.reason, world.now);
    case 'reject':
      if (rollout.state !== 'awaitingApproval') return unfit(rollout, 'rejected');
      return to(rollout, 'aborted', { now: world.now, reason: `rejected by ${event.by}` });
    case 'supersede':
      return supersede(rollout, event.by, world.now);
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
  before: Rollout,
  seen: Observation,
  world: RolloutWorld,
): Result<RolloutDecision, RolloutRefusal> {
  const { now } = world;
  const rollout = isWatched(before)
    ? {
        ...before,
        judgement: judge(before.evidence, before.plan.rule, world.special),
        shortSince: isShort(before, seen) ? (before.shortSince ?? now) : null,
      }
    : before;
  const harm = harmOf(rollout, seen, now);
  if (harm !== null) {
    if (rollout.plan.automatic) return abort(rollout, harm, now);
    if (rollout.heldFor !== 'harm') return hold(rollout, 'harm', { now, reason: harm });
  }
  switch (rollout.state) {
    case 'planned':
    case 'awaitingApproval':
    case 'expanding':
      return plannedTick(rollout, seen, now);
    case 'starting':
      return startingTick(rollout, seen, now);
    case 'ready':
      return readyTick(rollout, seen, now);
    case 'held':
      return heldTick(rollout, seen, now);
    case 'shifting':
      return routersFollow(seen) ? to(rollout, 'analysing', { now }) : stay(rollout);
    case 'analysing':
      return analysingTick(rollout, seen, now);
    case 'promoting':
      return promotingTick(rollout, seen, now);
    case 'rollingBack':
      return routersFollow(seen) && serves(rollout, seen, now)
        ? finish(rollout, 'rolledBack', now)
        : stay(rollout);
    case 'soaking':
      return soakingTick(rollout, now);
    case 'aborting':
      return abortingTick(rollout, seen, now);
    default:
      return stay(rollout);
  }
}

/** Whole, or for so long not that some must do: with none at all the routers serve the release that was left. */
function serves({ plan, stateSince }: Rollout, { candidate }: Observation, now: number): boolean {
  const late = now - stateSince >= plan.readinessDeadlineMs;
  return candidate.ready >= (late ? 1 : plan.replicas);
}

/** What is wanted is published, and every router that counts acts on it. */
function routersFollow({ routers }: Observation): boolean {
  return routers.published && routers.acknowledged;
}

/** Wherever the candidate has traffic, harm ends the rollout, not only while a step is analysed. */
const WATCHED: readonly RolloutState[] = [
  'starting',
  'ready',
  'shifting',
  'analysing',
  'held',
  'paused',
  'promoting',
  'soaking',
];

function isWatched(rollout: Rollout): boolean {
  return rollout.trafficSince !== null && !isWhole(rollout) && WATCHED.includes(rollout.state);
}

function isShort(rollout: Rollout, { candidate }: Observation): boolean {
  return candidate.ready < servingReplicas(rollout);
}

function harmOf(rollout: Rollout, seen: Observation, now: number): string | null {
  if (!isWatched(rollout) || rollout.overruled) return null;
  const { judgement, shortSince, plan } = rollout;
  const { crashed, ready, complaint } = seen.candidate;
  const why = complaint ?? 'no reason given';
  if (crashed >= CRASHES_TOLERATED) return `the candidate keeps crashing: ${why}`;
  const wanted = servingReplicas(rollout);
  const patienceMs = 2 * ready < wanted ? UNREADY_MS : plan.readinessDeadlineMs;
  if (shortSince !== null && now - shortSince >= patienceMs)
    return `only ${ready} of ${wanted} candidate instances that have traffic are ready: ${why}`;
  return judgement?.verdict === 'worse' ? judgement.sentence : null;
}

function plannedTick(
  rollout: Rollout,
  seen: Observation,
  now: number,
): Result<RolloutDecision, RolloutRefusal> {
  // The way back is always open.
  if (rollout.kind === 'rollback') return to(rollout, 'starting', { now });
  const missing = rollout.plan.approvals - seen.approvals;
  if (missing > 0) {
    const reason = `waits for ${missing} ${missing === 1 ? 'approval' : 'approvals'} of this digest: holdfast approve`;
    return rollout.state === 'planned' ? to(rollout, 'awaitingApproval', { now, reason }) : stay(rollout);
  }
  if (seen.blocked !== null) return stay({ ...rollout, reason: seen.blocked });
  const { start: reason } = seen.schema;
  if (reason !== null) {
    const waiting = { ...rollout, reason };
    return rollout.state === 'expanding' ? stay(waiting) : to(waiting, 'expanding', { now });
  }
  return to({ ...rollout, reason: null }, 'starting', { now });
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
  const [name, arm, needed] =
    seen.candidate.ready < wanted.candidate
      ? ['candidate', seen.candidate, wanted.candidate]
      : ['baseline', seen.baseline, wanted.baseline];
  const short = `${arm.ready} of ${needed} ${name} instances became ready in time`;
  return giveUp(rollout, arm.complaint ? `${short}: ${arm.complaint}` : short, now);
}

/** Without a stable release there is nothing to abort to. */
function giveUp(rollout: Rollout, reason: string, now: number): Result<RolloutDecision, RolloutRefusal> {
  return rollout.stable === null ? to(rollout, 'failed', { now, reason }) : abort(rollout, reason, now);
}

function readyTick(
  rollout: Rollout,
  seen: Observation,
  now: number,
): Result<RolloutDecision, RolloutRefusal> {
  if (rollout.kind === 'rollback') return to({ ...rollout, weight: WHOLE }, 'rollingBack', { now });
  if (seen.schema.traffic !== null) return stay({ ...rollout, reason: seen.schema.traffic });
  return openStep({ ...rollout, reason: null }, seen, now);
}

function openStep(rollout: Rollout, seen: Observation, now: number): Result<RolloutDecision, RolloutRefusal> {
  if (isWhole(rollout) || rollout.step >= rollout.plan.steps.length) return to(rollout, 'promoting', { now });
  if (rollout.opened !== rollout.step && currentStep(rollout.plan, rollout.step).gate) {
    const reason = 'the gate before this step is closed: look at it, then holdfast rollout advance';
    return hold(rollout, 'gate', { now, reason });
  }
  const too = overload(rollout, seen);
  return too === null ? shift(rollout, now) : hold(rollout, 'capacity', { now, reason: too });
}

/** Capacity may come back by itself; a gate and a verdict wait for a person. */
function heldTick(rollout: Rollout, seen: Observation, now: number): Result<RolloutDecision, RolloutRefusal> {
  if (rollout.heldFor !== 'capacity') return stay(rollout);
  const too = overload(rollout, seen);
  return too === null ? carryOn(rollout, now) : stay({ ...rollout, reason: too });
}

function analysingTick(
  rollout: Rollout,
  seen: Observation,
  now: number,
): Result<RolloutDecision, RolloutRefusal> {
  const { plan, judgement } = rollout;
  const elapsed = now - warmSince(rollout);
  if (rollout.hurried) return next(rollout, now);
  if (elapsed < currentStep(plan, rollout.step).dwellMs) return stay(rollout);
  if (judgement?.verdict === 'notWorse') return next(rollout, now);
  if (judgement?.wouldShow && plan.whenUndecided === 'advance') return next(rollout, now);
  if (elapsed < plan.deadlineMs) return stay(rollout);
  if (judgement?.verdict === 'undecided' && judgement.onlySilent) return next(rollout, now);
  if (judgement?.verdict === 'undecided')
    return byPolicy(rollout, plan.whenUndecided, { now, why: 'undecided at the deadline' });
  if (plan.whenInsufficient !== 'probe')
    return byPolicy(rollout, plan.whenInsufficient, {
      now,
      why: judgement?.sentence ?? 'nothing was judged',
    });
  const wanted = wantedReplicas(rollout);
  return seen.candidate.ready >= wanted.candidate
    ? next({ ...rollout, unjudged: true }, now)
    : giveUp(
        rollout,
        `too few requests to judge, and the probes fail: ${seen.candidate.complaint ?? 'no reason given'}`,
        now,
      );
}

function byPolicy(
  rollout: Rollout,
  policy: 'advance' | 'hold' | 'abort',
  { now, why }: { readonly now: number; readonly why: string },
): Result<RolloutDecision, RolloutRefusal> {
  if (policy === 'advance') return next(rollout, now);
  return policy === 'hold' ? hold(rollout, 'verdict', { now, reason: why }) : abort(rollout, why, now);
}

function promotingTick(
  rollout: Rollout,
  seen: Observation,
  now: number,
): Result<RolloutDecision, RolloutRefusal> {
  const { plan } = rollout;
  if (rollout.weight < WHOLE) {
    if (seen.candidate.ready >= plan.replicas) {
      const too = rollout.opened === plan.steps.length || isWhole(rollout) ? null : overload(rollout, seen);
      if (too !== null) return hold(rollout, 'capacity', { now, reason: too });
      return accept({ rollout: everything(rollout, now), effects: [] });
    }
    if (now - rollout.stateSince < plan.readinessDeadlineMs) return stay(rollout);
    return giveUp(
      rollout,
      `${seen.candidate.ready} of ${plan.replicas} instances became ready for promotion: ${seen.candidate.complaint ?? 'no reason given'}`,
      now,
    );
  }
  return routersFollow(seen) ? finish(rollout, 'soaking', now) : stay(rollout);
}

/** Not before all of it is ready: what was verified before the switch is verified after it. */
function soakingTick(rollout: Rollout, now: number): Result<RolloutDecision, RolloutRefusal> {
  const soaked = now - warmSince(rollout) >= rollout.plan.soakMs;
  const whole = rollout.shortSince === null || rollout.overruled;
  return soaked && whole ? to(rollout, 'done', { now }) : stay(rollout);
}

/** A step's time, and the last one's, is time that is judged. */
function warmSince({ stateSince, warmingSince, plan }: Rollout): number {
  return Math.max(stateSince, (warmingSince ?? 0) + plan.warmupMs);
}

/** What comes here without a step before it (one batch, or by hand) was never looked at with less. */
function everything(rollout: Rollout, now: number): Rollout {
  if (isWhole(rollout)) return { ...rollout, weight: WHOLE };
  const step = { weight: WHOLE, candidates: rollout.plan.replicas };
  return {
    ...withTraffic(rollout, step, now),
    unjudged: rollout.unjudged || rollout.trafficSince === null,
  };
}

function abortingTick(
  rollout: Rollout,
  seen: Observation,
  now: number,
): Result<RolloutDecision, RolloutRefusal> {
  if (rollout.weight > 0) return stay(givingBack(rollout, seen, now));
  const released = routersFollow(seen);
  if (!released && now - rollout.stateSince < ABORT_PATIENCE_MS) return stay(rollout);
  return to(rollout, rollout.supersededBy === null ? 'aborted' : 'superseded', { now });
}

/**
 * Stable gets back what its instances can carry, as they come; all of it at its deadline, where those that are there can
 * carry that, or a newer release waits for it.
 */
function givingBack(rollout: Rollout, seen: Observation, now: number): Rollout {
  const { stable, stableReplicas } = seen;
  const late = now - rollout.stateSince >= rollout.plan.readinessDeadlineMs;
  if (
    stable.ready >= stableReplicas ||
    (late && (rollout.supersededBy !== null || carriesAll(rollout, seen)))
  )
    return { ...rollout, weight: 0, stateSince: now };
  const missing = Math.ceil((WHOLE * (stableReplicas - stable.ready)) / stableReplicas);
  return { ...rollout, weight: Math.min(rollout.weight, missing) };
}
