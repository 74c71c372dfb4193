import { expiryBudget, livenessOf } from '@holdfast/core/pipeline/liveness.ts';
import { listAgents, type SeenAgent, setAgentState } from '@holdfast/postgres/agent/agent-store.ts';
import { overdueGrants, requeueJob } from '@holdfast/postgres/agent/lease-store.ts';
import { hastenDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import { strandInstances } from '@holdfast/postgres/rollout/instance-store.ts';
import { announce } from '../notify/announce.ts';
import type { Services } from '../services.ts';
import { releaseLeases } from './release-leases.ts';

/**
 * Watches every agent's silence and takes work back from those that are lost. After this
 * controller could not reach the database, every lease gets one full lost period first: the
 * silence was ours.
 */
const GRANT_ACKNOWLEDGED_WITHIN_MS = 5_000;

export class Liveness {
  private lastLook: number | undefined;
  private graceUntil = 0;
  private expired: number[] = [];

  async look(services: Services): Promise<number> {
    const now = performance.now();
    const { lostMs } = services.config.timers;
    if (this.lastLook === undefined || now - this.lastLook > lostMs / 2) this.graceUntil = now + lostMs;
    this.lastLook = now;
    await services.database.transaction(async (sql) => {
      for (const job of await overdueGrants(sql, GRANT_ACKNOWLEDGED_WITHIN_MS))
        await requeueJob(sql, job, { lost: false, fromStart: false });
    });
    const agents = await listAgents(services.database);
    for (const agent of agents) await this.judge(services, agent, agents);
    return 500;
  }

  private async judge(services: Services, agent: SeenAgent, all: readonly SeenAgent[]): Promise<void> {
    if (agent.state === 'lost' || agent.state === 'offline') return;
    const liveness = livenessOf(agent.silence_ms, services.config.timers);
    if (liveness === 'suspect' && agent.state !== 'suspect')
      await setAgentState(services.database, agent.id, 'suspect');
    if (liveness !== 'lost' || performance.now() < this.graceUntil || !this.mayExpire(all)) return;
    this.expired.push(performance.now());
    await this.expire(services, agent);
  }

  private mayExpire(all: readonly SeenAgent[]): boolean {
    this.expired = this.expired.filter((at) => performance.now() - at < 60_000);
    const connected = all.filter((agent) => agent.state !== 'offline' && agent.state !== 'lost').length;
    return expiryBudget(connected + this.expired.length, this.expired.length) > 0;
  }

  private async expire(services: Services, agent: SeenAgent): Promise<void> {
    const reason = `agent ${agent.name} gave no sign for ${Math.round(agent.silence_ms / 1000)} s`;
    services.log.warn({ agent: agent.id }, reason);
    await services.database.transaction(async (sql) => {
      await setAgentState(sql, agent.id, 'lost');
      await releaseLeases(services, sql, { agentId: agent.id, reason, lost: true });
      for (const environment of await strandInstances(sql, agent.id, reason))
        await hastenDuty(sql, 'environment', environment);
      await appendEvent(sql, { topic: 'agent', subject: agent.id, kind: 'lost', data: { reason } });
      if (agent.busy > 0 || agent.host)
        await announce(sql, { kind: 'agentsLost', subject: agent.id, sentence: reason });
    });
    for (const hint of ['jobs', 'duty', 'events'] as const) services.hints.send(hint);
  }
}
