import { type LivenessTimers, livenessOf, mayExpire } from '@holdfast/core/pipeline/liveness.ts';
import type { AgentView, PipelineStore } from '@holdfast/core/pipeline/ports.ts';
import type { Logger } from 'pino';
import type { Hint } from '../loop/hints.ts';
import type { RunTools } from '../runs/change-run.ts';
import { takeAllBack, takeBack } from './take-back.ts';

/**
 * One look at every agent's silence: work is taken back from those that are lost, and grants that
 * nobody confirmed are withdrawn. After nobody could look for a while (the database was away, or
 * every controller) each lease gets one full lost period first: the silence was ours.
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
    const loss = { lost: false, spoilt: null };
    await store.transaction((tx) => takeBack(tools, tx, { seen, reason: UNACKNOWLEDGED, loss }));
  }
  const agents = await store.agents();
  for (const agent of agents) {
    if (agent.state === 'lost' || agent.state === 'offline') continue;
    const liveness = livenessOf(agent.silenceMs, timers);
    if (liveness === 'suspect' && agent.state === 'online')
      await store.transaction((tx) => tx.setAgentState(agent.id, 'suspect'));
    if (liveness === 'lost' && !grace) await expire(parts, agent);
  }
}

async function expire({ store, tools, timers, hint, log }: LivenessParts, agent: AgentView): Promise<void> {
  // Read again: whoever was expired a moment ago counts.
  if (!mayExpire(agent, await store.agents())) return;
  const reason = `agent ${agent.name} gave no sign for ${Math.round(agent.silenceMs / 1000)} s`;
  const expired = await store.transaction(async (tx) => {
    // It may have spoken while others were being expired.
    const now = await tx.agent(agent.id);
    if (!now || now.sessionId !== agent.sessionId || livenessOf(now.silenceMs, timers) !== 'lost')
      return false;
    await tx.setAgentState(agent.id, 'lost');
    await takeAllBack(tools, tx, { agentId: agent.id, reason, lost: true });
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
