import { isUnavailable } from '@holdfast/contract/errors.ts';
import { type LivenessTimers, livenessOf, mayExpire } from '@holdfast/core/pipeline/liveness.ts';
import type { AgentView, PipelineStore } from '@holdfast/core/pipeline/ports.ts';
import type { Logger } from 'pino';
import type { Hint } from '../loop/hints.ts';
import type { RunTools } from '../runs/change-run.ts';
import { takeAllBack, takeBack } from './take-back.ts';

/**
 * One look at every agent's silence: work is taken back from those that are lost, and grants that
 * nobody confirmed are withdrawn. After nobody could look for a while (the database was away, or
 * every controller) each lease gets one full lost period first: the silence was ours. What cannot be
 * decided about one job, whatever is wrong with it, holds up no other.
 */
export interface LivenessParts {
  readonly store: PipelineStore;
  readonly tools: RunTools;
  readonly timers: LivenessTimers;
  readonly hint: (hint: Hint) => void;
  readonly log: Logger;
}

const GRANT_ACKNOWLEDGED_WITHIN_MS = 5_000;
const UNACKNOWLEDGED = 'the grant was not acknowledged in time';

export async function lookAtAgents(parts: LivenessParts): Promise<void> {
  const { store, tools, timers } = parts;
  const grace = await store.beginLook(timers.lostMs);
  for (const seen of await store.overdueGrants(GRANT_ACKNOWLEDGED_WITHIN_MS)) {
    const loss = { lost: false, spoilt: null, reason: UNACKNOWLEDGED };
    await alone(parts, { job: seen.jobId }, () =>
      store.transaction((tx) => takeBack(tools, tx, { seen, loss })),
    );
  }
  const agents = await store.agents();
  let doubted = false;
  for (const agent of agents) {
    if (agent.state === 'offline') continue;
    if (agent.state === 'lost') {
      if (agent.busy > 0) await takeOneByOne(parts, agent);
      continue;
    }
    const liveness = livenessOf(agent.silenceMs, timers);
    if (liveness === 'suspect' && agent.state === 'online')
      await store.transaction((tx) => tx.setAgentState(agent.id, 'suspect'));
    if (liveness !== 'lost' || grace) continue;
    // Read again: whoever was expired a moment ago counts.
    if (!mayExpire(agent, await store.agents())) {
      doubted = true;
      continue;
    }
    // All of it at once; where that fails the agent is lost all the same, and its jobs go one by one.
    if (!(await alone(parts, { agent: agent.id }, () => expire(parts, agent, takeAllBack)))) {
      await alone(parts, { agent: agent.id }, () => expire(parts, agent, async () => {}));
      await takeOneByOne(parts, agent);
    }
  }
  if (doubted) await tellDoubt(parts);
}

/** Whether it could be done; the database being away is not this work's fault. */
async function alone({ log }: LivenessParts, of: object, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isUnavailable(error)) throw error;
    log.error({ err: error, ...of }, 'not taken back');
    return false;
  }
}

async function takeOneByOne(parts: LivenessParts, { id, name }: AgentView): Promise<void> {
  const { store, tools } = parts;
  const loss = { lost: true, spoilt: null, reason: `agent ${name} is lost` };
  for (const seen of await store.transaction((tx) => tx.leasesOf(id)))
    await alone(parts, { job: seen.jobId }, () =>
      store.transaction((tx) => takeBack(tools, tx, { seen, loss })),
    );
  parts.hint('jobs');
}

async function expire(parts: LivenessParts, agent: AgentView, take: typeof takeAllBack): Promise<void> {
  const { store, tools, timers, hint, log } = parts;
  const reason = `agent ${agent.name} gave no sign for ${Math.round(agent.silenceMs / 1000)} s`;
  const expired = await store.transaction(async (tx) => {
    // It may have spoken while others were being expired.
    const now = await tx.agent(agent.id);
    if (!now || now.sessionId !== agent.sessionId || livenessOf(now.silenceMs, timers) !== 'lost')
      return false;
    await tx.setAgentState(agent.id, 'lost');
    await take(tools, tx, { agentId: agent.id, reason, lost: true });
    for (const environment of await tx.strandInstances(agent.id, reason))
      await tx.hastenDuty('environment', environment);
    await tx.appendEvent({ topic: 'agent', subject: agent.id, kind: 'lost', data: { reason } });
    if (agent.busy > 0 || agent.host)
      await tx.announce({ kind: 'agentsLost', subject: agent.id, sentence: reason });
    return true;
  });
  if (!expired) return;
  log.warn({ agent: agent.id }, reason);
  for (const each of ['jobs', 'duty', 'events'] as const) hint(each);
}

/** Told once for each minute that it is doubted: by the agent whose loss is the oldest that counts. */
async function tellDoubt({ store, timers }: LivenessParts): Promise<void> {
  const fleet = await store.agents();
  const [oldest] = fleet
    .filter(({ state, lostMsAgo }) => state === 'lost' && (lostMsAgo ?? Infinity) < 60_000)
    .sort((a, b) => (b.lostMsAgo ?? 0) - (a.lostMsAgo ?? 0));
  if (!oldest) return;
  const silent = fleet.filter(
    ({ state, silenceMs }) => (state === 'online' || state === 'suspect') && silenceMs >= timers.lostMs,
  ).length;
  const sentence = `many agents fell silent at once, so it may be the network: ${silent} more are not given up, and their jobs wait, for up to a minute`;
  const once = `agents doubted since ${oldest.id} ${oldest.sessionId} was lost`;
  await store.transaction((tx) => tx.announce({ kind: 'agentsLost', subject: oldest.id, sentence, once }));
}
