import { isEnded, type Job, type Run } from '@holdfast/core/pipeline/pipeline.ts';
import type { AgentHello, AgentView, LeaseView, News, PipelineEvent } from '@holdfast/core/pipeline/ports.ts';
import type { JobResult } from '@holdfast/core/pipeline/reports.ts';

/** The rows of the model, never changed in place: a copy of the maps is a copy of the tables. */
export interface ModelJob extends Omit<Job, 'matrix'> {
  readonly matrix: Job['matrix'];
  readonly runId: string;
  readonly repository: string;
  readonly ordinal: number;
  readonly agentId: string | null;
  readonly epoch: number;
  readonly acknowledged: boolean;
  readonly grantedAt: number;
  readonly queuedAt: number;
  readonly cancel: boolean;
  readonly losses: number;
  readonly from: number;
  readonly checkpoint: string | null;
  readonly reported: JobResult | null;
}

export interface ModelAttempt {
  readonly id: string;
  readonly jobId: string;
  readonly index: number;
  readonly epoch: number;
  readonly state: string;
  readonly counted: boolean;
  readonly late: boolean;
  readonly checkpoint: string | null;
  readonly notPortable: string | null;
}

export interface ModelAgent extends AgentHello {
  readonly intent: AgentView['intent'];
  readonly state: string;
  readonly seenAt: number;
  /** Number of the latest sign of this session. */
  readonly sign: number;
  readonly lostAt: number | null;
  readonly holdsBack: string | null;
}

export function greeted(agent: AgentHello, known: ModelAgent | undefined, now: number): ModelAgent {
  return {
    ...agent,
    intent: known?.intent ?? 'work',
    state: 'online',
    seenAt: now,
    sign: known?.sessionId === agent.sessionId ? known.sign : 0,
    lostAt: known?.lostAt ?? null,
    holdsBack: known?.holdsBack ?? null,
  };
}

export function agentAt(
  { seenAt, sign: _, lostAt, ...rest }: ModelAgent,
  { busy, now }: { readonly busy: number; readonly now: number },
): AgentView {
  return { ...rest, busy, silenceMs: now - seenAt, lostMsAgo: lostAt === null ? null : now - lostAt };
}

export interface Tables {
  readonly runs: Map<string, { readonly run: Omit<Run, 'jobs'>; readonly repository: string }>;
  readonly jobs: Map<string, ModelJob>;
  readonly attempts: Map<string, ModelAttempt>;
  readonly agents: Map<string, ModelAgent>;
  readonly logs: Map<string, Map<number, string>>;
  readonly events: Map<number, PipelineEvent & { readonly position: number | null }>;
  readonly news: Map<string, News>;
  readonly duties: Map<string, string>;
  readonly look: Map<'at' | 'grace', number>;
}

export function isHeld(job: ModelJob): boolean {
  return job.agentId !== null && !isEnded(job.state) && job.reported === null;
}

export function leaseViewOf({ id: jobId, epoch, acknowledged, cancel }: ModelJob): LeaseView {
  return { jobId, epoch, acknowledged, cancel };
}

export function freshJob(job: Job, place: Pick<ModelJob, 'runId' | 'repository' | 'ordinal'>): ModelJob {
  return {
    ...job,
    ...place,
    agentId: null,
    epoch: 0,
    acknowledged: false,
    grantedAt: 0,
    queuedAt: 0,
    cancel: false,
    losses: 0,
    from: 0,
    checkpoint: null,
    reported: null,
  };
}

export function plainJob(row: ModelJob): Job {
  const { id, key, name, state, matrix, matrixIndex, matrixTotal, failFast, maxParallel } = row;
  const { labels, lane, continueOnError, outputs, reason, asks } = row;
  return {
    id,
    key,
    name,
    state,
    matrix,
    matrixIndex,
    matrixTotal,
    failFast,
    maxParallel,
    labels,
    lane,
    continueOnError,
    outputs,
    reason,
    asks,
  };
}

export function emptyTables(): Tables {
  return {
    runs: new Map(),
    jobs: new Map(),
    attempts: new Map(),
    agents: new Map(),
    logs: new Map(),
    events: new Map(),
    news: new Map(),
    duties: new Map(),
    look: new Map(),
  };
}

export function copyOf(tables: Tables): Tables {
  return {
    runs: new Map(tables.runs),
    jobs: new Map(tables.jobs),
    attempts: new Map(tables.attempts),
    agents: new Map(tables.agents),
    logs: new Map([...tables.logs].map(([id, log]) => [id, new Map(log)])),
    events: new Map(tables.events),
    news: new Map(tables.news),
    duties: new Map(tables.duties),
    look: new Map(tables.look),
  };
}
