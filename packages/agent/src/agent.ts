import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExchangeAnswer, HelloAnswer } from '@holdfast/contract/agent/protocol.ts';
import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import { isId, newId } from '@holdfast/contract/id.ts';
import { shortOfDisk } from '@holdfast/contract/process/disk-floor.ts';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import { PROTOCOL } from '@holdfast/contract/versions.ts';
import { backoffMs } from '@holdfast/core/kernel/backoff.ts';
import { hearLeases } from '@holdfast/core/pipeline/holding.ts';
import type { Sign } from '@holdfast/core/pipeline/ports.ts';
import type { Logger } from 'pino';
import type { AgentConfig } from './config.ts';
import { ArtifactCache } from './host/artifact-cache.ts';
import { Host } from './host/host.ts';
import { agentActions } from './job/agent-actions.ts';
import { jobFolder, killStepGroups, removeJobFolder } from './job/job-folder.ts';
import { readJobFile } from './job/job-state.ts';
import { JobRun } from './job/run-job.ts';
import { ControllerClient } from './link/controller-client.ts';
import { ReportQueue } from './link/report-queue.ts';

/** Between exchanges that fail: work in hand is to go on within two seconds of the database's return. */
const BUSY_PAUSE_MS = 1_000;
const IDLE_PAUSE_MS = 5_000;

/**
 * The agent: says hello, then exchanges reports for leases and orders, at every heartbeat and
 * whenever there is news. It only calls out. Without any controller its steps run on and its
 * reports wait on disk.
 */
export class Agent {
  private readonly config: AgentConfig;
  private readonly log: Logger;
  private readonly client: ControllerClient;
  private readonly agentId: string;
  private sessionId = newId();
  private signs = 0;
  private readonly reports: ReportQueue;
  private readonly host: Host;
  private readonly jobs = new Map<string, JobRun>();
  private readonly identityFile: string;
  private readonly stopping = new AbortController();
  private greeting: HelloAnswer | undefined;
  private wake: () => void = () => {};
  private awake = false;
  private wanted: string[];
  private loops: Promise<void>[] = [];
  /** Something beside reports is to be told or asked: work, grants, orders. */
  private asksAll = true;
  private finished = 0;
  private readonly left: () => void;
  /** Resolves when the agent has nothing more to do here: it was drained, or ephemeral and had its job. */
  readonly done: Promise<void>;

  constructor(config: AgentConfig, log: Logger) {
    this.config = config;
    this.log = log;
    this.client = new ControllerClient(config.controllers, config.token);
    this.agentId = keepIdentity(config.data);
    this.identityFile = join(config.data, 'agent.pid');
    writeFileSync(this.identityFile, `${process.pid} ${startTimeOf(process.pid) ?? ''}\n`, { mode: 0o644 });
    this.reports = new ReportQueue(join(config.data, 'reports.json'), log);
    this.wanted = leftJobs(config.data);
    this.host = new Host({
      root: join(config.data, 'instances'),
      artifacts: new ArtifactCache(join(config.data, 'artifacts'), this.client),
      identityFile: this.identityFile,
      user: config.stepUser,
      changed: () => this.askAll(),
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.left = resolve;
  }

  start(): void {
    this.loops = [this.exchangeLoop(), this.offersLoop()];
  }

  /** For the next process of this agent: steps go on under their shims, which it finds again; so do instances. */
  async handOver(): Promise<void> {
    this.stopping.abort();
    this.rouse();
    await Promise.allSettled(this.loops);
  }

  /** Says goodbye: jobs go elsewhere at once, instances go on. */
  async stop(): Promise<void> {
    await this.handOver();
    for (const job of this.jobs.values()) job.fence();
    await this.client
      .exchange({
        ...this.sign(),
        freeSlots: 0,
        ...this.reports.pending,
        instances: [...this.host.observations()],
        bye: true,
      })
      .catch(() => {});
  }

  private askAll(): void {
    this.asksAll = true;
    this.rouse();
  }

  private rouse(): void {
    this.awake = true;
    this.wake();
  }

  private async exchangeLoop(): Promise<void> {
    for (let failures = 0; !this.stopping.signal.aborted; ) {
      try {
        if (!this.greeting) await this.greet();
        this.awake = false;
        this.apply(await this.exchange());
        failures = 0;
        await this.rest();
      } catch (error) {
        failures += 1;
        this.asksAll = true;
        if (error instanceof HoldfastError && error.code === 'agentUnknown') this.greeting = undefined;
        if (failures === 1) this.log.warn({ err: error }, 'no exchange; running on');
        await sleep(
          backoffMs(failures, Math.random(), {
            firstMs: 400,
            mostMs: this.jobs.size > 0 ? BUSY_PAUSE_MS : IDLE_PAUSE_MS,
          }),
          undefined,
          { signal: this.stopping.signal },
        ).catch(() => {});
      }
    }
  }

  private async greet(): Promise<void> {
    const { name, labels, zone, slots, host, address } = this.config;
    this.sessionId = newId();
    this.signs = 0;
    this.greeting = await this.client.hello({
      protocol: PROTOCOL,
      agentId: this.agentId,
      sessionId: this.sessionId,
      name,
      labels: [...labels],
      zone,
      slots,
      host,
      address,
    });
    this.log.info({ agent: this.agentId }, 'connected');
  }

  private async exchange(): Promise<ExchangeAnswer> {
    const full = this.asksAll;
    this.asksAll = false;
    const { data, diskFloorBytes } = this.config;
    const holdsBack = full ? await shortOfDisk(data, diskFloorBytes) : null;
    return this.client.exchange(
      {
        ...this.sign(),
        full,
        freeSlots: full && holdsBack === null ? this.freeSlots() : 0,
        holdsBack,
        ...this.reports.pending,
        instances: full && this.config.host ? [...this.host.observations()] : [],
        wanted: [...this.wanted],
      },
      this.greeting?.timers.lostMs,
    );
  }

  private sign(): Sign {
    this.signs += 1;
    return { agentId: this.agentId, sessionId: this.sessionId, number: this.signs };
  }

  private freeSlots(): number {
    if (this.config.ephemeral && this.finished > 0) return 0;
    return Math.max(0, this.config.slots - this.jobs.size);
  }

  private apply(answer: ExchangeAnswer): void {
    this.reports.settle(answer.results);
    const mine = new Map([...this.jobs].map(([id, job]) => [id, job.grant.epoch]));
    const heard = hearLeases(mine, this.wanted, answer);
    for (const id of heard.fence) this.jobs.get(id)?.fence();
    for (const id of heard.cancel) this.jobs.get(id)?.cancel();
    for (const grant of heard.take) this.take(grant);
    for (const id of heard.drop) void this.dropJob(id);
    this.wanted = [...heard.wanted];
    if (this.wanted.length > 0) this.asksAll = true;
    if (this.config.host && answer.orders) this.host.obey(answer.orders);
    this.leaveWhenDone(answer.intent);
  }

  /** Instances of releases are moved by their environments; where no other host is, this one stays. */
  private leaveWhenDone(intent: ExchangeAnswer['intent']): void {
    if (this.jobs.size > 0 || !this.reports.isEmpty) return;
    if ((intent === 'drain' && this.host.isEmpty) || (this.config.ephemeral && this.finished > 0))
      this.left();
  }

  /** A job of an earlier life that somebody else holds now: its steps must not run on here. */
  private async dropJob(id: string): Promise<void> {
    const folder = jobFolder(this.config.data, id);
    killStepGroups(folder.steps);
    await removeJobFolder(folder).catch((error: unknown) =>
      this.log.warn({ err: error, job: id }, 'job folder left behind'),
    );
  }

  private take(grant: ExchangeAnswer['grants'][number]): void {
    const { config, client, agentId, log, identityFile } = this;
    const lostMs = this.greeting?.timers.lostMs ?? 10_000;
    const report = (...entry: Parameters<ReportQueue['send']>) => {
      const answered = this.reports.send(...entry);
      this.rouse();
      return answered;
    };
    const job = new JobRun(
      {
        data: config.data,
        actions: agentActions(client, agentId),
        agentName: config.name,
        client,
        report,
        patienceSeconds: Math.max(1, Math.floor(lostMs / 1000) - 3),
        identityFile,
        user: config.stepUser,
        spoolBytes: config.spoolBytes,
        log,
      },
      grant,
    );
    this.jobs.set(grant.jobId, job);
    void report({ kind: 'leaseAcknowledged', jobId: grant.jobId, epoch: grant.epoch });
    job
      .run()
      .catch((error: unknown) => log.error({ err: error, job: grant.jobId }, 'job ended badly'))
      .finally(() => {
        this.jobs.delete(grant.jobId);
        this.finished += 1;
        this.askAll();
      });
  }

  /** Until the next heartbeat or news. */
  private async rest(): Promise<void> {
    if (this.awake || this.stopping.signal.aborted) return;
    const news = new Promise<void>((done) => {
      this.wake = done;
    });
    const done = new AbortController();
    const heartbeat = sleep(this.greeting?.timers.heartbeatMs ?? 3_000, undefined, {
      signal: done.signal,
    }).then(
      () => this.askAll(),
      () => {},
    );
    await Promise.race([news, heartbeat]);
    done.abort();
  }

  private async offersLoop(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await this.client.offers(this.sign(), this.stopping.signal);
        this.askAll();
        await sleep(20);
      } catch {
        await sleep(1_000, undefined, { signal: this.stopping.signal }).catch(() => {});
      }
    }
  }
}

/** The agent's id is made once and kept in its directory. */
function keepIdentity(data: string): string {
  try {
    mkdirSync(data, { recursive: true, mode: 0o711 });
    const file = join(data, 'agent.id');
    const known = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
    if (isId(known)) return known;
    const made = newId();
    writeFileSync(file, `${made}\n`, { mode: 0o600 });
    return made;
  } catch (error) {
    if (!['EACCES', 'EROFS', 'EPERM', 'ENOTDIR'].includes(systemCode(error) ?? '')) throw error;
    throw new HoldfastError(
      'dataDirectoryUnwritable',
      `the agent cannot write ${data}; choose another --data`,
      { cause: error },
    );
  }
}

/** Jobs whose shims may still run: their grants are asked for again. */
function leftJobs(data: string): string[] {
  const root = join(data, 'jobs');
  return existsSync(root) ? readdirSync(root).filter((id) => readJobFile(join(root, id)) !== null) : [];
}
