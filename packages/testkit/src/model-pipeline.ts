import { checkRun } from '@holdfast/core/pipeline/invariants.ts';
import { isEnded, type Run } from '@holdfast/core/pipeline/pipeline.ts';
import type {
  AgentView,
  Claimant,
  GiveBack,
  HeldJob,
  LeaseKey,
  LeaseView,
  LoadedRun,
  NewsAnswer,
  PipelineStore,
  PipelineTransaction,
  ReturnedLease,
  Sign,
} from '@holdfast/core/pipeline/ports.ts';
import type {
  AgentNews,
  JobResult,
  Report,
  ReportAnswer,
  StepFinished,
} from '@holdfast/core/pipeline/reports.ts';
import { nextInTurn } from './model-queue.ts';
import {
  agentAt,
  copyOf,
  emptyTables,
  freshJob,
  greeted,
  isHeld,
  leaseViewOf,
  type ModelAgent,
  type ModelAttempt,
  type ModelJob,
  plainJob,
  type Tables,
} from './model-tables.ts';

const FENCED = 'the lease of this job is held by somebody else';

/**
 * The pipeline's port in memory, by a clock that is given: what the simulator runs thousands of seeds
 * on. It says the same as PostgreSQL does, which the contract suite checks; it has no isolation to get
 * wrong, because one thing happens at a time.
 */
export class ModelPipeline implements PipelineStore {
  tables: Tables = emptyTables();
  /** Wrong on purpose, to see that the simulator finds it. */
  readonly planted: 'leaseWithoutFence' | 'againCounted' | null;
  private readonly now: () => number;
  private readonly parked = new Set<string>();
  readonly parkRun = async (runId: string) => void this.parked.add(runId);
  private readonly perRepository: number;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    now: () => number,
    options: { readonly jobsPerRepository?: number; readonly planted?: ModelPipeline['planted'] } = {},
  ) {
    this.now = now;
    this.perRepository = options.jobsPerRepository ?? 1_000;
    this.planted = options.planted ?? null;
    this.tables.look.set('at', now());
    this.tables.look.set('grace', now());
  }

  addRun(run: Run, repository: string): void {
    const { jobs: _, ...rest } = run;
    this.tables.runs.set(run.id, { run: rest, repository });
    this.save({ ...run, jobs: [] }, run);
  }

  applyNews(news: readonly AgentNews[]): Promise<readonly NewsAnswer[]> {
    return this.alone(async () => {
      const unsettled = new Set<string>();
      const touched = new Set<string>();
      const told = news.map((entry) => this.applyOne(entry, { unsettled, touched }));
      return told.map(({ entry, stranger, results, returned }) => ({
        stranger,
        results,
        returned,
        leases: stranger ? [] : this.leaseViews(entry.agentId),
        unsettled: [...unsettled],
        touched: [...touched],
      }));
    });
  }

  transaction<Value>(work: (tx: PipelineTransaction) => Promise<Value>): Promise<Value> {
    return this.alone(() => work(this.tx()));
  }

  /** One after the other, each whole or not at all. */
  private alone<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.last.then(async () => {
      const before = copyOf(this.tables);
      try {
        return await work();
      } catch (error) {
        this.tables = before;
        throw error;
      }
    });
    this.last = done.catch(() => {});
    return done;
  }

  async noteSigns(signs: readonly Sign[]): Promise<void> {
    for (const { agentId, sessionId, number } of signs) {
      const agent = this.tables.agents.get(agentId);
      if (!agent || (number > 0 && (agent.sessionId !== sessionId || number <= agent.sign))) continue;
      const state = ['lost', 'suspect'].includes(agent.state) ? 'online' : agent.state;
      this.changeAgent(agentId, { seenAt: this.now(), sign: number, state });
    }
  }

  async suspectSilent(id: string, silenceMs: number): Promise<void> {
    const agent = this.tables.agents.get(id);
    if (agent?.state === 'online' && this.now() - agent.seenAt > silenceMs)
      this.changeAgent(id, { state: 'suspect' });
  }

  async agents(): Promise<readonly AgentView[]> {
    return [...this.tables.agents.values()].map((agent) => this.viewOf(agent));
  }

  async unsettledRuns(limit: number): Promise<readonly string[]> {
    const runs = new Set<string>();
    for (const job of this.tables.jobs.values()) {
      const run = this.tables.runs.get(job.runId)?.run;
      const begun = job.state === 'running' && run !== undefined && ['queued', 'waiting'].includes(run.state);
      if ((job.reported && !isEnded(job.state)) || begun) runs.add(job.runId);
    }
    return [...runs].filter((id) => !this.parked.has(id)).slice(0, limit);
  }

  async overdueGrants(afterMs: number): Promise<readonly LeaseKey[]> {
    return [...this.tables.jobs.values()]
      .filter((job) => isHeld(job) && !job.acknowledged && this.now() - job.grantedAt > afterMs)
      .map((job) => ({ jobId: job.id, epoch: job.epoch }));
  }

  async beginLook(lostMs: number): Promise<boolean> {
    const { look } = this.tables;
    const now = this.now();
    if (now - (look.get('at') ?? now) > lostMs / 2) look.set('grace', now + lostMs);
    look.set('at', now);
    return now < (look.get('grace') ?? now);
  }

  attemptsOf(jobId: string): readonly ModelAttempt[] {
    return [...this.tables.attempts.values()].filter((attempt) => attempt.jobId === jobId);
  }

  private applyOne(
    entry: AgentNews,
    runs: { readonly unsettled: Set<string>; readonly touched: Set<string> },
  ): {
    readonly entry: AgentNews;
    readonly stranger: boolean;
    readonly results: readonly ReportAnswer[];
    readonly returned: readonly ReturnedLease[];
  } {
    if (this.tables.agents.get(entry.agentId)?.sessionId !== entry.sessionId)
      return { entry, stranger: true, results: [], returned: [] };
    const returned: ReturnedLease[] = [];
    const results = entry.reports.map(({ number, report }): ReportAnswer => {
      const accepted = this.applyReport(entry.agentId, report, { ...runs, returned });
      return { number, outcome: accepted ? 'accepted' : 'fenced', reason: accepted ? null : FENCED };
    });
    for (const { attemptId, offset, text } of entry.logs) {
      const log = this.tables.logs.get(attemptId) ?? new Map<number, string>();
      if ((log.get(offset) ?? '').length < text.length) log.set(offset, text);
      this.tables.logs.set(attemptId, log);
    }
    return { entry, stranger: false, results, returned };
  }

  private applyReport(
    agentId: string,
    report: Report,
    found: {
      readonly unsettled: Set<string>;
      readonly touched: Set<string>;
      readonly returned: ReturnedLease[];
    },
  ): boolean {
    const job = this.tables.jobs.get(report.jobId);
    const mine =
      job !== undefined &&
      (this.planted === 'leaseWithoutFence' || (job.agentId === agentId && job.epoch === report.epoch));
    const held = mine && !isEnded(job.state) && job.reported === null;
    if (!held) return job !== undefined && this.late(job, report, mine);
    const run = this.tables.runs.get(job.runId)?.run;
    switch (report.kind) {
      case 'leaseAcknowledged':
        this.put(job, { acknowledged: true, state: job.state === 'queued' ? 'running' : job.state });
        if (run && ['queued', 'waiting'].includes(run.state)) found.unsettled.add(job.runId);
        break;
      case 'leaseReturned':
        found.returned.push({
          jobId: job.id,
          epoch: job.epoch,
          checkpoint: report.checkpoint,
          reason: report.reason,
        });
        break;
      case 'stepStarted':
        found.touched.add(job.runId);
        if (!this.tables.attempts.has(report.attemptId))
          this.keep(report, { state: 'running', counted: false, late: false });
        break;
      case 'stepFinished':
        found.touched.add(job.runId);
        this.finish(job, report);
        break;
      case 'jobFinished':
        this.put(job, {
          reported: { conclusion: report.conclusion, outputs: report.outputs, reason: report.reason },
        });
        found.unsettled.add(job.runId);
    }
    return true;
  }

  private finish(job: ModelJob, report: StepFinished): void {
    const known = this.tables.attempts.get(report.attemptId);
    if (known && known.state !== 'running') return;
    const twice = this.attemptsOf(job.id).some((other) => other.index === report.index && other.counted);
    if (twice && !report.again) throw new Error(`step ${report.index} of job ${job.id} is counted already`);
    const counted = !report.again || this.planted === 'againCounted';
    this.keep(report, { state: report.conclusion, counted, late: false });
  }

  /** Kept for the record, marked, never counted; what was accepted before is accepted again. */
  private late(job: ModelJob, report: Report, mine: boolean): boolean {
    if (report.kind === 'jobFinished') return mine && job.reported !== null;
    if (report.kind !== 'stepFinished') return false;
    const known = this.tables.attempts.get(report.attemptId);
    if (known?.counted) return true;
    if (!known?.late) this.keep(report, { state: 'lost', counted: false, late: true });
    return false;
  }

  private keep(
    report: Extract<Report, { kind: 'stepStarted' | 'stepFinished' }>,
    how: Pick<ModelAttempt, 'state' | 'counted' | 'late'>,
  ): void {
    const { attemptId: id, jobId, index, epoch } = report;
    const finished = report.kind === 'stepFinished' ? report : null;
    const { checkpoint, notPortable } = finished ?? { checkpoint: null, notPortable: null };
    this.tables.attempts.set(id, { id, jobId, index, epoch, checkpoint, notPortable, ...how });
  }

  private leaseViews(agentId: string): readonly LeaseView[] {
    return this.heldBy(agentId).map(leaseViewOf);
  }

  private heldBy(agentId: string): readonly ModelJob[] {
    return [...this.tables.jobs.values()].filter((job) => job.agentId === agentId && isHeld(job));
  }

  private tx(): PipelineTransaction {
    return {
      greet: async (agent) => {
        const known = this.tables.agents.get(agent.id);
        this.tables.agents.set(agent.id, greeted(agent, known, this.now()));
      },
      agent: async (id) => {
        const agent = this.tables.agents.get(id);
        return agent ? this.viewOf(agent) : null;
      },
      setAgentState: async (id, state) => {
        this.changeAgent(id, { state, ...(state === 'lost' ? { lostAt: this.now() } : {}) });
      },
      setAgentHoldsBack: async (id, holdsBack) => this.changeAgent(id, { holdsBack }),
      claim: async (claimant) => this.claim(claimant),
      loadRun: async (id) => this.load(id),
      saveRun: async (before, after) => this.save(before, after),
      requestCancel: async (jobId) => {
        const job = this.tables.jobs.get(jobId);
        if (job) this.put(job, { cancel: true });
      },
      leasesOf: async (agentId) => this.heldBy(agentId).map((job) => ({ jobId: job.id, epoch: job.epoch })),
      heldJob: async (seen) => this.held(seen),
      giveBack: async (seen, change) => this.giveBack(seen, change),
      loseAttempts: async (jobId) => this.loseAttempts(jobId),
      strandInstances: async () => [],
      ensureDuty: async (kind, id) => void this.tables.duties.set(`${kind} ${id}`, id),
      hastenDuty: async () => {},
      appendEvent: async (event) =>
        void this.tables.events.set(this.tables.events.size + 1, { ...event, position: null }),
      announce: async (news) => void this.tables.news.set(news.once ?? `${this.tables.news.size}`, news),
    };
  }

  private claim(claimant: Claimant): readonly LeaseKey[] {
    const { now, perRepository, tables } = this;
    return nextInTurn(tables, claimant, { now: now(), perRepository }).map((job) => {
      const epoch = job.epoch + 1;
      this.put(job, { agentId: claimant.agentId, epoch, grantedAt: this.now(), acknowledged: false });
      return { jobId: job.id, epoch };
    });
  }

  private load(id: string): LoadedRun | null {
    const found = this.tables.runs.get(id);
    if (!found) return null;
    const jobs = this.jobsOf(id);
    const run: Run = { ...found.run, jobs: jobs.map(plainJob) };
    checkRun(run);
    const told = jobs.filter((job) => job.reported !== null && !isEnded(job.state));
    return { run, reported: new Map(told.map((job) => [job.id, job.reported as JobResult])) };
  }

  private save(before: Run, after: Run): void {
    checkRun(after);
    const found = this.tables.runs.get(after.id);
    if (!found) throw new Error(`there is no run ${after.id}`);
    const { jobs, ...rest } = after;
    this.tables.runs.set(after.id, { ...found, run: rest });
    const old = new Map(before.jobs.map((job) => [job.id, job]));
    for (const [ordinal, job] of jobs.entries()) {
      const was = old.get(job.id);
      if (was && JSON.stringify(was) === JSON.stringify(job)) continue;
      const row =
        this.tables.jobs.get(job.id) ??
        freshJob(job, { runId: after.id, repository: found.repository, ordinal });
      const queuedAt = job.state === 'queued' && row.queuedAt === 0 ? this.now() : row.queuedAt;
      this.tables.jobs.set(job.id, { ...row, ...job, queuedAt });
    }
  }

  private held(seen: LeaseKey): HeldJob | null {
    const job = this.tables.jobs.get(seen.jobId);
    if (!job || job.epoch !== seen.epoch || !isHeld(job)) return null;
    const run = this.tables.runs.get(job.runId)?.run as Omit<Run, 'jobs'>;
    const definition = run.definition.jobs.find((candidate) => candidate.key === job.key);
    if (!definition) throw new Error(`run ${run.id} has no job ${job.key}`);
    const attempts = this.attemptsOf(job.id);
    const running = attempts.filter((attempt) => attempt.state === 'running');
    return {
      ...seen,
      runId: job.runId,
      lost: {
        definition,
        cancelled: job.cancel,
        losses: job.losses,
        finished: attempts.filter((attempt) => attempt.counted),
        inFlight: running.length === 0 ? null : Math.max(...running.map((attempt) => attempt.index)),
      },
    };
  }

  private giveBack(seen: LeaseKey, change: GiveBack): void {
    const job = this.tables.jobs.get(seen.jobId);
    if (!job || job.epoch !== seen.epoch || !isHeld(job)) return;
    this.put(job, {
      agentId: null,
      acknowledged: false,
      epoch: job.epoch + 1,
      losses: job.losses + (change.lost ? 1 : 0),
      state: change.ask === null ? 'queued' : 'waiting',
      asks: change.ask,
      queuedAt: this.now(),
      from: change.from,
      checkpoint: change.checkpoint,
    });
    this.loseAttempts(job.id);
    for (const attempt of this.attemptsOf(job.id))
      if (attempt.counted && attempt.index >= change.from)
        this.tables.attempts.set(attempt.id, { ...attempt, counted: false });
  }

  private loseAttempts(jobId: string): void {
    for (const attempt of this.attemptsOf(jobId))
      if (attempt.state === 'running') this.tables.attempts.set(attempt.id, { ...attempt, state: 'lost' });
  }

  private changeAgent(id: string, change: Partial<ModelAgent>): void {
    const agent = this.tables.agents.get(id);
    if (agent) this.tables.agents.set(id, { ...agent, ...change });
  }

  private viewOf(agent: ModelAgent): AgentView {
    return agentAt(agent, { busy: this.heldBy(agent.id).length, now: this.now() });
  }

  private jobsOf(runId: string): readonly ModelJob[] {
    return [...this.tables.jobs.values()]
      .filter((job) => job.runId === runId)
      .sort((a, b) => a.ordinal - b.ordinal);
  }

  private put(job: ModelJob, change: Partial<ModelJob>): void {
    this.tables.jobs.set(job.id, { ...(this.tables.jobs.get(job.id) as ModelJob), ...change });
  }
}
