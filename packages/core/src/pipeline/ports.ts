import type { Json, JsonObject } from '../kernel/json.ts';
import type { LostJob } from './loss.ts';
import type { Run, Template, Values } from './pipeline.ts';
import type { AgentNews, JobResult, ReportAnswer } from './reports.ts';

/** What `success()`, `failure()` and `cancelled()` answer where an expression is evaluated. */
export interface StatusView {
  readonly success: boolean;
  readonly failure: boolean;
  readonly cancelled: boolean;
}

/**
 * The expression language of the workflow file. Pure: the same arguments give the same answer.
 * Throws `ExpressionError` with the expression and the place when one cannot be evaluated; the
 * machine turns that into the job's reason.
 */
export interface Expressions {
  condition(expression: string, values: Values, status: StatusView): boolean;
  value(template: Template, values: Values, status: StatusView): Json;
}

/** What a decision about a run takes from outside. */
export interface RunWorld {
  readonly expressions: Expressions;
  readonly newId: () => string;
}

/**
 * The truth about runs, leases and agents, as the pipeline's loops need it. Two implementations pass
 * one contract suite (testkit/pipeline-contract.ts): PostgreSQL and the simulator's model.
 */
export interface PipelineStore {
  /**
   * Applies what several agents say, at most one entry an agent, all or nothing. Throws when the
   * whole cannot be kept; each entry is then tried alone. Saying it again changes nothing.
   */
  applyNews(news: readonly AgentNews[]): Promise<readonly NewsAnswer[]>;
  /** All or nothing; may be tried again by the store, so `work` changes nothing but through `tx`. */
  transaction<Value>(work: (tx: PipelineTransaction) => Promise<Value>): Promise<Value>;
  /** Gathered in memory by one replica; those that are older than one that is known change nothing. */
  noteSigns(signs: readonly Sign[]): Promise<void>;
  agents(): Promise<readonly AgentView[]>;
  /** Runs whose machine has not heard yet of something that is written down: found again by every scan. */
  unsettledRuns(limit: number): Promise<readonly string[]>;
  /** Its machine fails on what is written down, again and again: no scan finds it until it is revived, and people are told why. */
  parkRun(runId: string, reason: string): Promise<void>;
  overdueGrants(afterMs: number): Promise<readonly LeaseKey[]>;
  /** An agent that hung up and gave no sign for so long is suspected; one that did is left as it is. */
  suspectSilent(id: string, silenceMs: number): Promise<void>;
  /** Notes that the agents are looked at; true while every lease has its full lost period after a gap. */
  beginLook(lostMs: number): Promise<boolean>;
}

/** An agent's sign of life. */
export interface Sign {
  readonly agentId: string;
  readonly sessionId: string;
  /** Counts up within the session; 0: from an agent that does not number them, and always new. */
  readonly number: number;
}

export interface PipelineTransaction {
  /** A new session of an agent, or the same one told again. */
  greet(agent: AgentHello): Promise<void>;
  /** Locked until the end: what it holds does not change meanwhile but by this transaction. */
  agent(id: string): Promise<AgentView | null>;
  setAgentState(id: string, state: string): Promise<void>;
  setAgentHoldsBack(id: string, reason: string | null): Promise<void>;
  /** Queued jobs that fit become this agent's, the least served repository's first. */
  claim(claimant: Claimant): Promise<readonly LeaseKey[]>;
  /** The run with its jobs, locked; what agents told about jobs that have not ended in the machine's eyes. */
  loadRun(id: string): Promise<LoadedRun | null>;
  saveRun(before: Run, after: Run): Promise<void>;
  requestCancel(jobId: string): Promise<void>;
  /** Jobs of which this agent holds the lease and has not told the end. */
  leasesOf(agentId: string): Promise<readonly LeaseKey[]>;
  /** The job with its run locked, if it is still held as it was seen; null when it is not. */
  heldJob(seen: LeaseKey): Promise<HeldJob | null>;
  /** Every attempt of the job that has not ended is lost; no attempt from the step on counts any more. */
  giveBack(seen: LeaseKey, change: GiveBack): Promise<void>;
  loseAttempts(jobId: string, reason: string): Promise<void>;
  /** Instances of releases on a lost host: the environments that must look. */
  strandInstances(agentId: string, reason: string): Promise<readonly string[]>;
  ensureDuty(kind: string, id: string): Promise<void>;
  hastenDuty(kind: string, id: string): Promise<void>;
  appendEvent(event: PipelineEvent): Promise<void>;
  announce(news: News): Promise<void>;
}

export interface PipelineEvent {
  readonly topic: string;
  readonly subject: string;
  readonly kind: string;
  readonly data?: JsonObject;
}

/** For people, written with the decision that made it and sent later by the outbox. */
export interface News {
  readonly kind:
    | 'runFailed'
    | 'rolloutAborted'
    | 'requestsLost'
    | 'routerMute'
    | 'agentsLost'
    | 'jobAsks'
    | 'migrationFailed';
  readonly subject: string;
  readonly sentence: string;
  /** What is said of these words is said once, by whichever replica comes first. */
  readonly once?: string;
}

export interface NewsAnswer {
  /** The session is over: another one of this agent has said hello. */
  readonly stranger: boolean;
  readonly results: readonly ReportAnswer[];
  /** Everything the agent holds; its own jobs that are not listed are lost. */
  readonly leases: readonly LeaseView[];
  /** Runs whose machine has something to hear: a job began or ended. The same for every entry. */
  readonly unsettled: readonly string[];
  readonly returned: readonly ReturnedLease[];
  /** Runs whose steps moved. The same for every entry. */
  readonly touched: readonly string[];
}

export interface LeaseKey {
  readonly jobId: string;
  readonly epoch: number;
}

export interface LeaseView extends LeaseKey {
  readonly acknowledged: boolean;
  readonly cancel: boolean;
}

export interface ReturnedLease extends LeaseKey {
  readonly checkpoint: string | null;
  readonly reason: string;
}

export interface AgentHello {
  readonly id: string;
  readonly name: string;
  readonly sessionId: string;
  readonly labels: readonly string[];
  readonly zone: string;
  readonly slots: number;
  readonly host: boolean;
  readonly address: string;
}

export interface AgentView extends AgentHello {
  readonly intent: 'work' | 'pause' | 'drain';
  readonly state: string;
  readonly silenceMs: number;
  /** Since it was given up; null: it was not, or is back. */
  readonly lostMsAgo: number | null;
  readonly busy: number;
  /** Why it takes nothing new though it may have free slots: its disk is nearly full. */
  readonly holdsBack: string | null;
}

export interface Claimant {
  readonly agentId: string;
  readonly labels: readonly string[];
  readonly slots: number;
  /** From a job that an agent without releases may take a host of releases stands back so long; 0: not at all. */
  readonly standBackMs: number;
}

export interface LoadedRun {
  readonly run: Run;
  readonly reported: ReadonlyMap<string, JobResult>;
}

export interface HeldJob extends LeaseKey {
  readonly runId: string;
  readonly lost: LostJob;
}

export interface GiveBack {
  readonly reason: string;
  readonly lost: boolean;
  readonly from: number;
  readonly checkpoint: string | null;
  readonly ask: string | null;
}
