import { newId } from '@holdfast/contract/id.ts';
import { addMetric } from '@holdfast/core/analysis/evidence.ts';
import { decide } from '@holdfast/core/rollout/decide.ts';
import {
  isFinal,
  type Rollout,
  type RolloutEffect,
  type RolloutEvent,
  type RolloutState,
} from '@holdfast/core/rollout/rollout.ts';
import { nextLookMs } from '@holdfast/core/rollout/schedule.ts';
import { checkSnapshot } from '@holdfast/core/traffic/invariants.ts';
import { type FleetEffect, type FleetView, reconcile } from '@holdfast/core/traffic/reconcile.ts';
import type { Snapshot } from '@holdfast/core/traffic/traffic.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { type Duty, dropDuty, holdDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import { findRelease, noteServed } from '@holdfast/postgres/release/release-store.ts';
import {
  type EnvironmentRow,
  lockEnvironment,
  makeStable,
  noteLook,
  restoreStable,
  saveSnapshot,
  setHold,
} from '@holdfast/postgres/rollout/environment-store.ts';
import {
  endAtGoneHosts,
  insertInstance,
  setArm,
  setDesired,
  setExcludedBy,
} from '@holdfast/postgres/rollout/instance-store.ts';
import { takeSamples } from '@holdfast/postgres/rollout/metric-store.ts';
import {
  liveRollout,
  noteLostRequests,
  saveRollout,
  takeRequests,
} from '@holdfast/postgres/rollout/rollout-store.ts';
import { takeUnjudged } from '@holdfast/postgres/rollout/router-store.ts';
import { announce } from '../notify/announce.ts';
import type { Services } from '../services.ts';
import { addYardstick, collectEvidence } from './collect-evidence.ts';
import { circumstancesOf, gather, nameOf, observe, wantedNow } from './gather.ts';
import { specialFunctions } from './special-functions.ts';

/**
 * The duty of one environment: look, decide, reconcile, save; one transaction. Any controller may
 * do the next look; a slower holder finds its epoch gone and does nothing.
 */
export async function watchEnvironment(services: Services, duty: Duty): Promise<number | null> {
  const looked = await services.database.transaction(async (sql) => {
    if (!(await holdDuty(sql, duty))) return { dueInMs: 0, published: false, ordered: false };
    await noteLook(sql, duty.id);
    const environment = await lockEnvironment(sql, duty.id);
    if (!environment) {
      await dropDuty(sql, duty.kind, duty.id);
      return null;
    }
    return look(services, sql, environment);
  });
  if (!looked) return null;
  if (looked.published) services.hints.send('snapshot');
  if (looked.ordered) services.hints.send('orders');
  services.hints.send('events');
  return looked.dueInMs;
}

interface Looked {
  readonly dueInMs: number;
  readonly published: boolean;
  readonly ordered: boolean;
}

async function look(services: Services, sql: Queryable, environment: EnvironmentRow): Promise<Looked> {
  const before = (await liveRollout(sql, environment.id))?.data ?? null;
  const intervals = await takeUnjudged(sql, nameOf(environment));
  const view = await gather(sql, environment, before);
  if (view.instances.some(({ agent, desired }) => desired === 'stop' && view.leaving.includes(agent)))
    await endAtGoneHosts(sql, environment.id);
  const samples = before ? await takeSamples(sql, before.id) : [];
  const rollout = before
    ? { ...before, evidence: samples.reduce(addMetric, collectEvidence(before, intervals)) }
    : null;
  const decided = rollout ? await decideAll(sql, { environment, rollout, view }) : null;
  if (before && decided) {
    await saveRollout(sql, before, decided.rollout);
    for (const effect of decided.effects)
      await applyRolloutEffect(sql, environment, { rollout: decided.rollout, effect });
  }
  const current = decided?.effects.some(
    (effect) => effect.kind === 'makeStable' || effect.kind === 'restoreStable',
  )
    ? ((await lockEnvironment(sql, environment.id)) as EnvironmentRow)
    : environment;
  const { groups, access, ceiling } = await wantedNow(sql, current, decided?.rollout ?? null);
  const effects = reconcile({ ...view, wanted: groups, access, ceiling });
  for (const effect of effects) await applyFleetEffect(services, sql, { environment: current, view, effect });
  const moved = before !== null && before.state !== decided?.rollout.state;
  const draining = view.instances.some((instance) => instance.desired === 'drain');
  return {
    dueInMs: moved || effects.length > 0 ? 20 : nextLookMs(decided?.rollout ?? null, draining),
    published: effects.some((effect) => effect.kind === 'publish'),
    ordered: effects.some(
      (effect) => effect.kind === 'start' || effect.kind === 'stop' || effect.kind === 'drain',
    ),
  };
}

/** Everybody goes over at once, and from now on nobody serves beside the candidate. */
function switchesNow(before: Rollout, { plan, stable, trafficSince }: Rollout): boolean {
  return (
    plan.baseline === 'before' && stable !== null && before.trafficSince === null && trafficSince !== null
  );
}

interface Deciding {
  readonly environment: EnvironmentRow;
  readonly rollout: Rollout;
  readonly view: FleetView;
}

/**
 * What people asked, or else the tick, which looks again in a moment: circumstances are those of the state
 * before, and a rollout that was resumed may find a freeze. A refused request was answered when it was asked.
 */
async function decideAll(
  sql: Queryable,
  { environment, rollout, view }: Deciding,
): Promise<{ readonly rollout: Rollout; readonly effects: readonly RolloutEffect[] }> {
  const published = !reconcile(view).some((effect) => effect.kind === 'publish');
  const world = { now: view.now, special: specialFunctions };
  const requests: readonly RolloutEvent[] = await takeRequests(sql, rollout.id);
  const circumstances = await circumstancesOf(sql, environment, { rollout, now: view.now });
  const observation = observe(rollout, view, { ...circumstances, published });
  const events: readonly RolloutEvent[] = requests.length > 0 ? requests : [{ kind: 'tick', observation }];
  let current = rollout;
  const effects: RolloutEffect[] = [];
  for (const event of events) {
    const decided = decide(current, event, world);
    if (!decided.ok) continue;
    current = decided.value.rollout;
    effects.push(...decided.value.effects);
  }
  if (switchesNow(rollout, current))
    current = { ...current, evidence: await addYardstick(sql, nameOf(environment), current) };
  return { rollout: current, effects };
}

async function applyRolloutEffect(
  sql: Queryable,
  environment: EnvironmentRow,
  { rollout, effect }: { readonly rollout: Rollout; readonly effect: RolloutEffect },
): Promise<void> {
  if (effect.kind === 'restoreStable') return restoreStable(sql, environment.id, effect);
  if (effect.kind === 'makeStable') {
    await makeStable(sql, environment.id, effect.release);
    return noteServed(sql, effect.release);
  }
  const release = await findRelease(sql, rollout.candidate);
  await appendEvent(sql, {
    topic: 'rollout',
    subject: rollout.id,
    kind: effect.state,
    data: { environment: environment.id, weight: rollout.weight, reason: effect.reason },
  });
  if (effect.state === 'aborted' || effect.state === 'failed') {
    await announce(sql, {
      kind: 'rolloutAborted',
      subject: rollout.id,
      sentence: `release ${release?.number} of ${nameOf(environment)} ${effect.state}: ${effect.reason ?? 'no reason given'}`,
    });
  }
  if (rollout.kind === 'rollback' && environment.hold !== null && GIVEN_UP.includes(effect.state))
    await setHold(
      sql,
      environment.id,
      `a rollback to release ${release?.number} was asked for and ${effect.state}`,
    );
  if (isFinal(effect.state))
    await appendEvent(sql, {
      topic: 'environment',
      subject: environment.id,
      kind: 'settled',
      data: { rollout: rollout.id },
    });
}

/** Automation holds still all the same: whoever asked for the way back wants out. */
const GIVEN_UP: readonly RolloutState[] = ['aborted', 'failed'];

interface FleetChange {
  readonly environment: EnvironmentRow;
  readonly view: FleetView;
  readonly effect: FleetEffect;
}

async function applyFleetEffect(
  services: Services,
  sql: Queryable,
  { environment, view, effect }: FleetChange,
): Promise<void> {
  switch (effect.kind) {
    case 'start': {
      const host = view.hosts.find((candidate) => candidate.agent === effect.agent);
      return insertInstance(sql, {
        id: newId(),
        environment_id: environment.id,
        release_id: effect.release,
        arm: effect.group,
        agent_id: effect.agent,
        host: host?.address ?? '127.0.0.1',
        generation: services.generation,
      });
    }
    case 'regroup':
      return setArm(sql, effect.instance, effect.group);
    case 'drain':
      return setDesired(sql, effect.instance, 'drain');
    case 'excluded':
      return setExcludedBy(sql, effect.instance, effect.by);
    case 'stop':
      await setDesired(sql, effect.instance, 'stop');
      if (effect.lost > 0) await tellLoss(sql, environment, effect);
      return appendEvent(sql, {
        topic: 'environment',
        subject: environment.id,
        kind: effect.lost > 0 ? 'requestsLost' : 'instanceStopping',
        data: { instance: effect.instance, lost: effect.lost, why: effect.why },
      });
    case 'publish': {
      checkSnapshot(effect.content);
      const snapshot: Snapshot = {
        ...effect.content,
        environment: nameOf(environment),
        generation: services.generation,
        revision: environment.snapshot.revision + 1,
      };
      return saveSnapshot(sql, environment.id, snapshot);
    }
  }
}

/** A breached deadline is a loss that people hear of: with the rollout, and as news. */
async function tellLoss(
  sql: Queryable,
  environment: EnvironmentRow,
  { lost, why }: { readonly lost: number; readonly why: string },
): Promise<void> {
  await noteLostRequests(sql, environment.id, lost);
  await announce(sql, {
    kind: 'requestsLost',
    subject: environment.id,
    sentence: `${lost} ${lost === 1 ? 'request' : 'requests'} of ${nameOf(environment)} were cut off: ${why}`,
  });
}
