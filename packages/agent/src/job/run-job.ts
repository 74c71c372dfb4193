import type { Grant, StepFinished } from '@holdfast/contract/agent/protocol.ts';
import { systemCode } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { stepSetting } from '@holdfast/core/pipeline/loss.ts';
import type { StepDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import type { LogPiece } from '@holdfast/core/pipeline/reports.ts';
import { textMembers } from '@holdfast/workflow/expressions.ts';
import { Checkpoints } from '../checkpoint/checkpoint.ts';
import { PatientCheckpoints, type Saved } from '../checkpoint/patient-checkpoints.ts';
import { isClaimed, killGroup } from '../shim/shim.ts';
import { createPerformer, type PerformStep } from '../steps/actions/perform-step.ts';
import { msSince, uptimeMs } from '../steps/clock.ts';
import { Masks } from '../steps/masks.ts';
import type { StepResult, StepRun } from '../steps/run-step.ts';
import { valuesOf } from '../steps/step-world.ts';
import { type JobFolder, jobFolder, killStepGroups, makeJobFolder, removeJobFolder } from './job-folder.ts';
import { type JobNow, stepRunOf, timeLeftMs } from './job-now.ts';
import {
  freshState,
  GITHUB_WORDS,
  type JobState,
  type RunningStep,
  readJobFile,
  writeJobFile,
} from './job-state.ts';
import type { JobWorld } from './job-world.ts';
import { pause } from './pause.ts';
import { provisionedAgain, provisionsAfter, unconditional } from './provisions.ts';
import { nextRetry, nextTry, triesOf } from './retries.ts';
import { type Attempt, conclusionOf, type Ended, maskAll, reportOf, stepName } from './step-report.ts';

const RETRY = { firstMs: 1_000, mostMs: 30_000 };
/** Whatever it was for want of may come back: the budget of losses must not be spent in a moment. */
const GIVE_BACK = { firstMs: 10_000, mostMs: 10_000 };

const DISK_FAULTS = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);

interface Turn {
  readonly step: StepDefinition;
  readonly index: number;
  /** What ran when the agent's former process died; null: nothing of this step. */
  readonly running: RunningStep | null;
  /** It counted before, and is done again for this machine. */
  readonly again: boolean;
}

/**
 * One job under one lease: restore or begin, step after step, each closed by a checkpoint, then
 * the outputs. Everything is on disk before it matters, so the agent may die at any line.
 */
export class JobRun {
  readonly grant: Grant;
  private readonly world: JobWorld;
  private readonly folder: JobFolder;
  /** Stops the step that runs now; a later one (`if: always()`) has its own. */
  private current = new AbortController();
  private readonly checkpoints: Checkpoints;
  private readonly patient: PatientCheckpoints;
  private readonly perform: PerformStep;
  private readonly masks: Masks;
  /** Known to whoever is granted the job; never written down. */
  private readonly secretLines: readonly string[];
  private state: JobState;
  /** Provisions that are done again before the job goes on where it was restored. */
  private toDoAgain: readonly number[] = [];
  private fenced = false;
  /** How long the steps took that no checkpoint holds yet. */
  private atRiskMs = 0;
  private cancelled = false;

  constructor(world: JobWorld, grant: Grant) {
    this.world = world;
    this.grant = grant;
    this.folder = jobFolder(world.data, grant.jobId);
    this.checkpoints = new Checkpoints({
      folder: this.folder,
      client: world.client,
      key: Buffer.from(grant.checkpointKey, 'base64'),
      user: world.user,
    });
    this.patient = new PatientCheckpoints(this.checkpoints, {
      log: world.log,
      jobId: grant.jobId,
      gone: () => this.fenced,
    });
    this.perform = createPerformer(world.actions);
    this.masks = new Masks(Object.values(grant.secrets));
    this.secretLines = this.masks.list();
    this.state = freshState(this.folder.root);
  }

  /** The run was cancelled: the step is stopped, later ones see cancelled(). */
  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.current.abort();
  }

  /** The lease is somebody else's: stop at once and say nothing more. */
  fence(): void {
    this.fenced = true;
    this.current.abort();
    killStepGroups(this.folder.steps);
  }

  /** The job's own time is over: the step is stopped and the job has failed. */
  private expire(): void {
    this.state = { ...this.state, failed: true, timedOut: true };
    this.current.abort();
  }

  async run(): Promise<void> {
    const { jobId } = this.grant;
    try {
      const running = await this.prepare();
      if (running === 'returned') return;
      const left = timeLeftMs(this.now(), running);
      const limit = this.state.timedOut ? undefined : setTimeout(() => this.expire(), left);
      await this.provision(running);
      await this.runSteps(running);
      clearTimeout(limit);
      if (!this.fenced) await this.finish();
    } catch (error) {
      this.world.log.error({ err: error, job: jobId }, 'job broke');
      if (!this.fenced) await this.breakOff(error);
    } finally {
      killStepGroups(this.folder.steps);
      await removeJobFolder(this.folder).catch((error: unknown) =>
        this.world.log.warn({ err: error, job: jobId }, 'job folder left behind'),
      );
    }
  }

  /** Goes on with what is on disk, restores a checkpoint, or begins. */
  private async prepare(): Promise<RunningStep | null | 'returned'> {
    const kept = readJobFile(this.folder.root);
    if (kept && kept.grant.epoch === this.grant.epoch) {
      this.state = kept.state;
      this.toDoAgain = kept.toDoAgain;
      this.cancelled = kept.cancelled;
      for (const mask of kept.state.masks) this.masks.keep(mask);
      this.checkpoints.forget();
      return kept.running;
    }
    // What an earlier lease left running here must not run on beside what begins now.
    killStepGroups(this.folder.steps);
    await removeJobFolder(this.folder);
    await makeJobFolder(this.folder, this.world.user);
    if (this.grant.resume) {
      if (!(await this.restore(this.grant.resume.checkpoint))) return 'returned';
      for (const mask of this.state.masks) this.masks.keep(mask);
    }
    this.keep(null);
    return null;
  }

  /** False: not here. The lease was given back so that an earlier checkpoint is tried, or is lost. */
  private async restore(checkpoint: string): Promise<boolean> {
    const restored = await this.patient.restore(checkpoint);
    if (restored === null) return false;
    if (restored.state === null) {
      await this.giveBack(restored.spoilt ? checkpoint : null, restored.problem);
      return false;
    }
    this.state = restored.state;
    this.toDoAgain = restored.state.provisions.map(({ index }) => index);
    return true;
  }

  /** What went wrong is this machine's and not the job's: somebody else goes on with it. */
  private async giveBack(checkpoint: string | null, reason: string): Promise<void> {
    this.fenced = true;
    const { jobId, epoch } = this.grant;
    await this.world.report({ kind: 'leaseReturned', jobId, epoch, checkpoint, reason });
  }

  private async breakOff(error: unknown): Promise<void> {
    const reason = this.masks.hide((error as Error).message);
    if (DISK_FAULTS.has(systemCode(error) ?? '')) return this.giveBack(null, `the agent's disk: ${reason}`);
    const { jobId, epoch } = this.grant;
    await this.world.report({
      kind: 'jobFinished',
      jobId,
      epoch,
      conclusion: 'failed',
      outputs: {},
      reason,
    });
  }

  private keep(running: RunningStep | null): void {
    const { secrets: _, checkpointKey: __, ...grant } = this.grant;
    const { state, toDoAgain, cancelled } = this;
    writeJobFile(this.folder.root, { grant, state, running, toDoAgain, cancelled });
  }

  private async runSteps(running: RunningStep | null): Promise<void> {
    const { steps } = this.grant.definition;
    for (let index = this.state.next; index < steps.length && !this.fenced; index += 1) {
      const step = steps[index] as StepDefinition;
      await this.runStep({ step, index, running, again: false });
    }
  }

  /** What earlier steps did to the machine that was lost is done to this one. An older controller would count it. */
  private async provision(running: RunningStep | null): Promise<void> {
    for (const index of this.grant.retries ? this.toDoAgain : []) {
      if (this.fenced) return;
      // One that runs is stopped and told of.
      if (this.isClosing && running?.index !== index) break;
      const step = unconditional(this.grant.definition.steps[index] as StepDefinition);
      await this.runStep({ step, index, running, again: true });
    }
    // Later steps are found again by their shims; none of this may come in between.
    this.toDoAgain = [];
    this.atRiskMs = 0;
  }

  /** Nothing but clean-up follows. */
  private get isClosing(): boolean {
    return this.cancelled || this.state.timedOut;
  }

  /** As often as HOLDFAST_RETRY says. */
  private async runStep(turn: Turn): Promise<void> {
    let next = turn.running?.index === turn.index ? turn.running : null;
    do next = await this.tryStep({ ...turn, running: next });
    while (next !== null && !this.fenced && !(turn.again && this.isClosing));
  }

  /** What is to be run next when it is this step again. */
  private async tryStep(turn: Turn): Promise<RunningStep | null> {
    const { step, running } = turn;
    const retried = running?.retried ?? null;
    if (retried?.owed && !(await this.settle(retried.owed))) return null;
    const attempt = await this.attempt(turn);
    if (attempt === null) return null;
    const { base, result } = attempt;
    const took = msSince(attempt.startedAt);
    this.atRiskMs += took;
    this.state = { ...this.state, spentMs: this.state.spentMs + took };
    const rule = this.grant.retries && !this.isClosing ? nextRetry(step, result, retried) : null;
    if (rule === null) {
      const ended = { ...attempt, conclusion: conclusionOf(step, base, result) };
      await (turn.again ? this.finishAgain(step, ended) : this.finishStep(step, ended));
      return null;
    }
    this.clearTry(base);
    const remark = 'run again, as HOLDFAST_RETRY says';
    const [finished, log] = await reportOf(
      this.now(),
      { ...attempt, conclusion: result.outcome },
      { again: true, remark },
    );
    const next = nextTry(attempt, rule, finished);
    this.keep(next);
    if (!(await this.settle(finished, log))) return null;
    return { ...next, retried: { ...next.retried, owed: null } };
  }

  /** Begins it, or finds it running, and waits for its end. null: it is not ours any more, or the machine failed it. */
  private async attempt({ step, index, running, again }: Turn): Promise<Attempt | null> {
    const retried = running?.retried ?? null;
    const attemptId = running?.attemptId ?? newId();
    const startedAt = running?.began ?? uptimeMs();
    this.current = new AbortController();
    if (again && this.isClosing) this.current.abort();
    const tries = triesOf(retried);
    const base = stepRunOf(this.now(), { index, attemptId, tries });
    if (retried && !this.cancelled && !isClaimed(base.dir)) await pause(tries, this.current.signal, RETRY);
    const name = running?.name ?? stepName(step, base);
    const { jobId, epoch } = this.grant;
    if (running === null) this.keep({ index, attemptId, name, began: startedAt });
    if (running === null || retried)
      void this.world.report({ kind: 'stepStarted', jobId, epoch, attemptId, index, name });
    // A shim that runs already is found again by its claim; anything else is simply begun again.
    const result = await this.perform(base, step).catch(async (error: unknown) => {
      await base.log.close(0);
      throw error;
    });
    if (this.fenced || result.lost !== null) {
      await base.log.close(0);
      if (!this.fenced) await this.giveBack(null, result.lost as string);
      return null;
    }
    return { base, index, attemptId, name, retried, result, startedAt };
  }

  /** It counts: the state and the checkpoint behind it, then its report. */
  private async finishStep(step: StepDefinition, attempt: Ended): Promise<void> {
    this.state = this.afterStep(step, attempt);
    const saved = await this.checkpoint(step, attempt.result);
    this.state = { ...this.state, checkpoint: saved.checkpoint ?? this.state.checkpoint };
    const settled = this.settle(...(await reportOf(this.now(), attempt, { ...saved, again: false })));
    this.keep(null);
    await settled;
  }

  /** It counted before. Where it cannot be done, somebody else goes on with the job, or we after a while. */
  private async finishAgain(step: StepDefinition, attempt: Ended): Promise<void> {
    const { index, attemptId, name, retried, result, conclusion } = attempt;
    if (this.isClosing) this.toDoAgain = [];
    else if (conclusion === 'succeeded') {
      this.state = { ...provisionedAgain(this.state, step, attempt), masks: this.addedMasks() };
      this.toDoAgain = this.toDoAgain.filter((other) => other !== index);
    }
    const remark = 'again for this machine, as HOLDFAST_ON_RESTORE says';
    const settled = this.settle(...(await reportOf(this.now(), attempt, { again: true, remark })));
    // Who finds this after a restart hears of the same end, and gives the job back, too.
    const failed = { index, attemptId, name, ...(retried && { retried: { ...retried, owed: null } }) };
    this.keep(conclusion === 'failed' && !this.isClosing ? failed : null);
    await settled;
    if (conclusion !== 'failed') return;
    await pause(1, this.current.signal, GIVE_BACK);
    const reason = `step ${index + 1} could not be done again on this machine: ${result.reason}`;
    if (!this.fenced && !this.isClosing) await this.giveBack(null, reason);
  }

  private now(): JobNow {
    const { world, grant, folder, state, masks, cancelled } = this;
    return { world, grant, folder, state, masks, cancelled, stopped: this.current.signal };
  }

  /** Nothing of a try that failed runs on beside the next one; what it wrote to the workspace stays. */
  private clearTry({ dir, log }: StepRun): void {
    killGroup(dir, 'SIGKILL');
    killStepGroups(dir);
    log.write('Failed, and is run again: HOLDFAST_RETRY.\n');
    this.state = { ...this.state, masks: this.addedMasks() };
  }

  private addedMasks(): readonly string[] {
    return this.masks.list().filter((mask) => !this.secretLines.includes(mask));
  }

  /** What comes next waits until a controller knows: a step that counts is never run again. False: it is not ours. */
  private async settle(finished: StepFinished, log: LogPiece | null = null): Promise<boolean> {
    const { outcome, reason } = await this.world.report(finished, log);
    if (outcome === 'fenced') this.fence();
    if (outcome === 'refused') throw new Error(`the result of ${finished.name} could not be kept: ${reason}`);
    return outcome === 'accepted';
  }

  private afterStep(step: StepDefinition, { index, result, conclusion }: Ended): JobState {
    const { state } = this;
    const view = {
      outputs: result.outputs,
      outcome: GITHUB_WORDS[result.outcome],
      conclusion: GITHUB_WORDS[conclusion],
    };
    return {
      ...state,
      next: index + 1,
      steps: step.id ? { ...state.steps, [step.id]: view } : state.steps,
      env: { ...state.env, ...result.env },
      path: [...state.path, ...result.path],
      masks: this.addedMasks(),
      provisions: provisionsAfter(state.provisions, step, { index, result, conclusion }),
      failed: state.failed || conclusion === 'failed',
      notPortable: state.notPortable ?? result.notPortable,
    };
  }

  /** Nothing to restore where nothing could go on: after the last step, or when not portable. */
  private async checkpoint(step: StepDefinition, result: StepResult): Promise<Saved> {
    const last = this.state.next >= this.grant.definition.steps.length;
    if (
      last ||
      this.state.notPortable !== null ||
      result.outcome === 'cancelled' ||
      policyOf(step) === 'never'
    )
      return { checkpoint: null, problem: null };
    const saved = await this.patient.save(this.state, policyOf(step) === 'auto' ? this.atRiskMs : undefined);
    if (saved.checkpoint !== null) this.atRiskMs = 0;
    return saved;
  }

  private async finish(): Promise<void> {
    const run = stepRunOf(this.now(), { index: this.state.next, attemptId: newId(), tries: 0 });
    await run.log.close(0);
    const values = valuesOf(run.world, run.scope, run.status);
    const outputs = textMembers(run.expressions.value(this.grant.definition.outputs, values, run.status));
    const conclusion = this.cancelled ? 'cancelled' : this.state.failed ? 'failed' : 'succeeded';
    const { timedOut } = this.state;
    const told = await this.world.report({
      kind: 'jobFinished',
      jobId: this.grant.jobId,
      epoch: this.grant.epoch,
      conclusion: timedOut ? 'failed' : conclusion,
      outputs: maskAll(outputs, this.masks),
      reason: timedOut ? 'it took longer than its timeout-minutes' : null,
    });
    if (told.outcome === 'refused') throw new Error(`the job's result could not be kept: ${told.reason}`);
  }
}

function policyOf(step: StepDefinition): string {
  return stepSetting(step, 'HOLDFAST_CHECKPOINT') ?? 'auto';
}
