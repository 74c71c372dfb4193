import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { AgentView, LeaseKey, LeaseView, PipelineStore } from '@holdfast/core/pipeline/ports.ts';
import type { AgentNews, ReportAnswer } from '@holdfast/core/pipeline/reports.ts';
import type { RunTools } from '../runs/change-run.ts';
import type { Settler } from '../runs/settler.ts';
import type { NewsGroup } from './news-group.ts';
import { takeAllBack, takeBack } from './take-back.ts';

/**
 * One round trip with an agent: what it says is applied with what others say at the same moment, and
 * it is told the complete set of what it holds. A report that comes too late is answered `fenced`
 * and kept, never counted. A full one also claims work and brings grants; agents ask for it at every
 * heartbeat and when there may be something new, not for every step.
 */
export interface AgentMessage extends AgentNews {
  readonly number: number;
  readonly full: boolean;
  readonly freeSlots: number;
  /** Leases this agent holds but whose grants it no longer has. */
  readonly wanted: readonly string[];
  readonly bye: boolean;
  readonly holdsBack: string | null;
}

export interface ExchangeParts {
  readonly store: PipelineStore;
  readonly group: NewsGroup;
  readonly settler: Settler;
  readonly tools: RunTools;
  /** Why no lease is given now, in a sentence: the database's disk is nearly full. */
  readonly leasesStopped: () => Promise<string | null>;
  /** Runs whose steps moved: somebody may be watching. */
  readonly moved: (runIds: readonly string[]) => void;
}

export interface Exchanged {
  readonly results: readonly ReportAnswer[];
  readonly leases: readonly LeaseView[];
  /** Leases whose grants the agent needs. */
  readonly granted: readonly LeaseKey[];
  readonly intent: AgentView['intent'];
  /** Whether it hosts instances of releases. */
  readonly host: boolean;
}

/** As long as the agents that host no releases are awaited; a host hears of the job again with its next heartbeat. */
const STAND_BACK_MS = 1_000;

export async function exchange(parts: ExchangeParts, message: AgentMessage): Promise<Exchanged> {
  const { store, group, settler, tools } = parts;
  const answer = await group.tell(message);
  if (answer.stranger) throw sessionOver();
  parts.moved(answer.touched);
  settler.hear(answer.unsettled);
  for (const { jobId, epoch, reason, checkpoint } of answer.returned) {
    const loss = { lost: checkpoint === null, spoilt: checkpoint, reason };
    await store.transaction((tx) => takeBack(tools, tx, { seen: { jobId, epoch }, loss }));
  }
  const { results } = answer;
  if (message.bye) {
    await sayGoodbye(parts, message);
    return { results, leases: [], granted: [], intent: 'work', host: false };
  }
  const back = new Set(answer.returned.map((lease) => lease.jobId));
  const held = answer.leases.filter((lease) => !back.has(lease.jobId));
  if (!message.full) return { results, leases: held, granted: [], intent: 'work', host: false };
  const { claimed, intent, host } = await claim(parts, message);
  const fresh = claimed.map((lease) => ({ ...lease, acknowledged: false, cancel: false }));
  const known = held.filter((lease) => !claimed.some((mine) => mine.jobId === lease.jobId));
  const leases = [...known, ...fresh];
  const granted = leases.filter((lease) => !lease.acknowledged || message.wanted.includes(lease.jobId));
  return { results, leases, granted, intent, host };
}

async function claim(
  { store, leasesStopped }: ExchangeParts,
  message: AgentMessage,
): Promise<Pick<Exchanged, 'intent' | 'host'> & { readonly claimed: readonly LeaseKey[] }> {
  const stopped = (await leasesStopped()) !== null;
  return store.transaction(async (tx) => {
    const agent = await tx.agent(message.agentId);
    if (agent?.sessionId !== message.sessionId) throw sessionOver();
    // What it holds without knowing it (an answer that was lost) takes a slot, too.
    const room = Math.min(message.freeSlots, agent.slots - agent.busy);
    if (message.holdsBack !== agent.holdsBack) await tx.setAgentHoldsBack(agent.id, message.holdsBack);
    const free = !stopped && agent.intent === 'work' && agent.state === 'online' ? room : 0;
    const claimed = await tx.claim({
      agentId: agent.id,
      labels: agent.labels,
      slots: free,
      standBackMs: agent.host ? STAND_BACK_MS : 0,
    });
    return { claimed, intent: agent.intent, host: agent.host };
  });
}

async function sayGoodbye(
  { store, tools }: ExchangeParts,
  { agentId, sessionId }: AgentMessage,
): Promise<void> {
  await store.transaction(async (tx) => {
    const agent = await tx.agent(agentId);
    if (agent?.sessionId !== sessionId) return;
    await takeAllBack(tools, tx, { agentId, reason: `agent ${agent?.name} said goodbye`, lost: false });
    await tx.setAgentState(agentId, 'offline');
  });
}

function sessionOver(): HoldfastError {
  return new HoldfastError('agentUnknown', 'this session is over: say hello again');
}
