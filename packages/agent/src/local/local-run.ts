import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Grant, Report } from '@holdfast/contract/agent/protocol.ts';
import { packFolder } from '@holdfast/contract/archive/pack-folder.ts';
import { newId } from '@holdfast/contract/id.ts';
import { decide, jobValues } from '@holdfast/core/pipeline/decide.ts';
import {
  isEnded,
  type Job,
  type JobDefinition,
  type Run,
  type RunEvent,
  type WorkflowDefinition,
} from '@holdfast/core/pipeline/pipeline.ts';
import type { LogPiece } from '@holdfast/core/pipeline/reports.ts';
import { createExpressions } from '@holdfast/workflow/expressions.ts';
import pino from 'pino';
import { readSpoolLimit } from '../config.ts';
import { JobRun } from '../job/run-job.ts';
import type { ActionWorld } from '../steps/actions/action-world.ts';

/**
 * A run in memory: core's run machine decides, the agent's engine runs the steps, one job after
 * another. What needs a server is not pretended: deploy jobs are skipped and said to be.
 */
export interface LocalOptions {
  readonly root: string;
  readonly data: string;
  readonly identityFile: string;
  readonly definition: WorkflowDefinition;
  readonly onlyJob: string | null;
  readonly quiet: boolean;
}

const WORLD = { expressions: createExpressions(), newId };

export class LocalRun {
  private readonly options: LocalOptions;
  private state: Run;
  private current: JobRun | null = null;
  /** How much of each attempt's log, in bytes. */
  private readonly printed = new Map<string, number>();

  constructor(options: LocalOptions) {
    this.options = options;
    const github = {
      repository: 'local',
      sha: '0'.repeat(40),
      ref: 'refs/heads/local',
      ref_name: 'local',
      ref_type: 'branch',
      event_name: 'push',
      event: {},
      run_id: newId(),
      run_number: '0',
      run_attempt: '1',
      workflow: options.definition.name,
      actor: process.env.USER ?? 'local',
    };
    this.state = {
      id: newId(),
      state: 'queued',
      definition: chosen(options),
      contexts: { github, inputs: {}, vars: {} },
      jobs: [],
      cancelRequested: false,
      reason: null,
    };
  }

  async run(): Promise<boolean> {
    this.apply({ kind: 'advance' });
    for (let job = this.nextJob(); job !== undefined; job = this.nextJob()) await this.runJob(job);
    this.say(`\n${this.state.state}`);
    return this.state.state === 'succeeded';
  }

  cancel(): void {
    this.current?.cancel();
    this.apply({ kind: 'cancelRequested', reason: 'interrupted' });
  }

  private nextJob(): Job | undefined {
    return this.state.jobs.find((job) => job.state === 'queued');
  }

  private apply(event: RunEvent): void {
    if (isEnded(this.state.state)) return;
    const decided = decide(this.state, event, WORLD);
    if (decided.ok) this.state = decided.value.run;
  }

  private async runJob(job: Job): Promise<void> {
    this.apply({ kind: 'jobStarted', jobId: job.id });
    if (job.lane === 'controller') {
      this.say(`\n${job.name}: skipped here, because a deploy needs a server`);
      return this.apply({
        kind: 'jobEnded',
        jobId: job.id,
        conclusion: 'skipped',
        outputs: {},
        reason: 'not run locally',
      });
    }
    this.say(`\n${job.name}`);
    let ended: Extract<Report, { kind: 'jobFinished' }> | undefined;
    const report = async (entry: Report, log: LogPiece | null = null) => {
      if (log) this.print(log);
      if (entry.kind === 'stepStarted') this.say(`  ${entry.name}`);
      if (entry.kind === 'stepFinished' && entry.conclusion !== 'succeeded')
        this.say(`  ${entry.conclusion}${entry.reason ? `: ${entry.reason}` : ''}`);
      if (entry.kind === 'jobFinished') ended = entry;
      return { number: 0, outcome: 'accepted' as const, reason: null };
    };
    this.current = new JobRun(
      {
        data: this.options.data,
        agentName: 'local',
        client: this.client(),
        actions: this.actions(),
        report,
        patienceSeconds: 5,
        identityFile: this.options.identityFile,
        user: null,
        spoolBytes: readSpoolLimit(process.env),
        log: pino({ level: 'error' }),
      },
      this.grantOf(job),
    );
    await this.current.run();
    this.apply({
      kind: 'jobEnded',
      jobId: job.id,
      conclusion: ended?.conclusion ?? 'failed',
      outputs: ended?.outputs ?? {},
      reason: ended?.reason ?? null,
    });
  }

  private grantOf(job: Job): Grant {
    const definition = this.state.definition.jobs.find(
      (candidate) => candidate.key === job.key,
    ) as JobDefinition;
    const values = {
      ...jobValues(this.state, definition),
      matrix: job.matrix ?? {},
      strategy: { 'job-index': job.matrixIndex, 'job-total': job.matrixTotal },
    };
    return {
      jobId: job.id,
      runId: this.state.id,
      epoch: 1,
      name: job.name,
      definition,
      workflowEnv: this.state.definition.env,
      values: values as Grant['values'],
      checkpointKey: randomBytes(32).toString('base64'),
      secrets: secretsFromEnvironment(),
      source: { digest: '', commit: 'the work tree' },
      resume: null,
      retries: true,
    };
  }

  private client() {
    return {
      appendLog: async (piece: LogPiece) => this.print(piece),
      // Nothing goes on elsewhere, so a checkpoint is not kept.
      putBlob: async () => 'sha256:none',
      missingBlobs: async () => [],
      keepCheckpoint: async () => {},
      getBlob: async (): Promise<never> => {
        throw new Error('a local run has no blobs');
      },
    };
  }

  private actions(): ActionWorld {
    const { root } = this.options;
    return {
      checkout: (_run, target) => copyWorkTree(root, target),
      publish: async (_run, { name, path }) => {
        const hash = createHash('sha256');
        for await (const chunk of packFolder(path, { form: 'canonical', skip: new Set(['.git']) }))
          hash.update(chunk as Buffer);
        return { name, digest: `sha256:${hash.digest('hex')}` };
      },
    };
  }

  /** Each byte once: the end of a log may come along with the step's own end. */
  private print({ attemptId, offset, text }: LogPiece): void {
    const bytes = Buffer.from(text);
    const fresh = bytes.subarray(Math.max(0, (this.printed.get(attemptId) ?? 0) - offset)).toString();
    this.printed.set(attemptId, offset + bytes.length);
    if (!this.options.quiet) process.stdout.write(fresh.replace(/^(?=.)/gm, '    '));
  }

  private say(text: string): void {
    if (!this.options.quiet) process.stdout.write(`${text}\n`);
  }
}

/** The named job and everything it needs. */
function chosen({ definition, onlyJob }: LocalOptions): WorkflowDefinition {
  if (onlyJob === null) return definition;
  const keep = new Set<string>();
  const visit = (key: string) => {
    keep.add(key);
    for (const need of definition.jobs.find((job) => job.key === key)?.needs ?? []) visit(need);
  };
  visit(onlyJob);
  return { ...definition, jobs: definition.jobs.filter((job) => keep.has(job.key)) };
}

/** Files git knows or would add: what a checkout would bring, with the changes not committed yet. */
async function copyWorkTree(root: string, target: string): Promise<void> {
  const { stdout } = await promisify(execFile)(
    'git',
    ['-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  for (const file of stdout.split('\0')) {
    if (file === '' || !existsSync(join(root, file))) continue;
    mkdirSync(dirname(join(target, file)), { recursive: true });
    cpSync(join(root, file), join(target, file), { verbatimSymlinks: true });
  }
}

/** HOLDFAST_SECRET_NAME=value stands in for the server's secrets. */
function secretsFromEnvironment(): Record<string, string> {
  const prefix = 'HOLDFAST_SECRET_';
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]): [string, string][] =>
      name.startsWith(prefix) && value ? [[name.slice(prefix.length), value]] : [],
    ),
  );
}
