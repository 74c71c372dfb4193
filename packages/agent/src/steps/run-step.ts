import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StepFinished } from '@holdfast/contract/agent/protocol.ts';
import { LIMITS } from '@holdfast/contract/limits.ts';
import { formatBytes } from '@holdfast/core/kernel/quantity.ts';
import type { Conclusion, StepDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import type { Expressions, StatusView } from '@holdfast/core/pipeline/ports.ts';
import { textOf } from '@holdfast/workflow/expressions.ts';
import {
  hasSurvivors,
  isClaimed,
  killGroup,
  type ShimEnd,
  type StepUser,
  startShim,
  waitForEnd,
} from '../shim/shim.ts';
import { LONGEST_TIMER_MS } from './clock.ts';
import { defaultEnvironment, withPath } from './default-environment.ts';
import { readLines, readPairs } from './environment-files.ts';
import type { LogStream } from './log-stream.ts';
import type { Masks } from './masks.ts';
import { OutputReader } from './output-reader.ts';
import { shellFor } from './shells.ts';
import { readStepFile, sizeOfStepFile } from './step-files.ts';
import { evaluateEnv, type StepScope, type StepWorld, valuesOf } from './step-world.ts';

/** What running one step gave. */
export interface StepResult {
  readonly outcome: Conclusion;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Its own time limit ended it. */
  readonly timedOut: boolean;
  /** It printed more than it may: it would again. */
  readonly tooLong: boolean;
  readonly reason: string | null;
  readonly outputs: Record<string, string>;
  readonly env: Record<string, string>;
  readonly path: readonly string[];
  readonly annotations: StepFinished['annotations'];
  readonly summary: string | null;
  readonly notPortable: string | null;
  /** The machine failed the step, not the step itself: why. Nothing of it counts. */
  readonly lost: string | null;
}

export interface StepRun {
  readonly world: StepWorld;
  readonly scope: StepScope;
  readonly path: readonly string[];
  readonly status: StatusView;
  readonly expressions: Expressions;
  readonly masks: Masks;
  readonly log: LogStream;
  /** The shim's folder: existing and claimed means the step runs already, and is re-attached. */
  readonly dir: string;
  readonly patienceSeconds: number;
  readonly identityFile: string;
  readonly user: StepUser | null;
  /** What it may print at most. */
  readonly spoolBytes: number;
  readonly stopped: AbortSignal;
}

const TAIL_MS = 100;
const SUMMARY_BYTES = 1024 * 1024;
/** GitHub keeps ten of each level of a step. */
const ANNOTATIONS_A_LEVEL = 10;
const ANNOTATION_CHARACTERS = 4_096;
const TERM_GRACE_MS = 7_500;
const LIMIT_LOOK_MS = 250;
const BACKLOG_BYTES = 8 * 1024 * 1024;

export const PLAIN_RESULT: StepResult = {
  outcome: 'succeeded',
  exitCode: null,
  signal: null,
  timedOut: false,
  tooLong: false,
  reason: null,
  outputs: {},
  env: {},
  path: [],
  annotations: [],
  summary: null,
  notPortable: null,
  lost: null,
};

export function failedResult(reason: string): StepResult {
  return { ...PLAIN_RESULT, outcome: 'failed', reason };
}

export async function runStep(run: StepRun, step: StepDefinition): Promise<StepResult> {
  if (step.action.kind !== 'run') throw new Error('runStep is for run steps');
  const files = environmentFiles(run.dir);
  const script = prepare(run, step, files);
  run.log.write(`${run.masks.hide(`> ${script.text.split('\n').join('\n> ')}`)}\n`);
  if (!isClaimed(run.dir)) await launch(run, script, files);
  const { end, timedOut, tooLong, annotations, outputs } = await attend(run, step);
  const result = resultOf(end, { timedOut, stopped: run.stopped.aborted, tooLong });
  const all = { ...outputs, ...(await readPairs(files.GITHUB_OUTPUT as string)) };
  if (Buffer.byteLength(JSON.stringify(all)) > LIMITS.stepOutputBytes)
    return failedResult(`its outputs are more than ${LIMITS.stepOutputBytes} bytes`);
  return {
    ...PLAIN_RESULT,
    ...result,
    annotations,
    outputs: all,
    env: await readPairs(files.GITHUB_ENV as string),
    path: await readLines(files.GITHUB_PATH as string),
    summary: (await readStepFile(files.GITHUB_STEP_SUMMARY as string, SUMMARY_BYTES)) || null,
    notPortable: (await hasSurvivors(run.dir)) ? 'a step left a process running' : null,
  };
}

function environmentFiles(dir: string): Record<string, string> {
  const file = (name: string) => join(dir, 'files', name);
  return {
    GITHUB_OUTPUT: file('output'),
    GITHUB_ENV: file('env'),
    GITHUB_PATH: file('path'),
    GITHUB_STEP_SUMMARY: file('summary'),
    GITHUB_STATE: file('state'),
  };
}

interface Script {
  readonly text: string;
  readonly env: Record<string, string>;
  readonly cwd: string;
  readonly shell: ReturnType<typeof shellFor>;
}

/** The same from the same state, so that a re-attached step logs the same lines at the same offsets. */
function prepare(run: StepRun, step: StepDefinition, files: Record<string, string>): Script {
  const { world, scope, expressions, status } = run;
  const own = evaluateEnv(expressions, step.env, { values: valuesOf(world, scope, status), status });
  const seen = valuesOf(world, { ...scope, env: { ...scope.env, ...own } }, status);
  const { script, shell, workingDirectory } = step.action as Extract<
    StepDefinition['action'],
    { kind: 'run' }
  >;
  const { definition } = world.grant;
  const place =
    textOf(expressions.value(workingDirectory, seen, status)) || definition.workingDirectory || '';
  return {
    text: textOf(expressions.value(script, seen, status)).trimEnd(),
    env: withPath({ ...defaultEnvironment(world, scope, files), ...scope.env, ...own }, run.path),
    cwd: isAbsolute(place) ? place : join(world.folder.work, place),
    shell: shellFor(shell ?? definition.shell),
  };
}

async function launch(run: StepRun, script: Script, files: Record<string, string>): Promise<void> {
  const { dir, user } = run;
  await rm(dir, { recursive: true, force: true });
  // Above it the step's account only passes through; in it lie secrets.
  await mkdir(dirname(dir), { recursive: true, mode: 0o711 });
  await mkdir(join(dir, 'files'), { recursive: true, mode: 0o700 });
  for (const file of Object.values(files)) await writeFile(file, '', { mode: 0o600 });
  const scriptFile = join(dir, `script.${script.shell.extension}`);
  await writeFile(scriptFile, `${script.text}\n`, { mode: 0o600 });
  await startShim(dir, {
    words: script.shell.words(scriptFile),
    cwd: script.cwd,
    env: script.env,
    patienceSeconds: run.patienceSeconds,
    identityFile: run.identityFile,
    user,
  });
}

interface Attended {
  readonly end: ShimEnd;
  readonly timedOut: number | null;
  readonly tooLong: number | null;
  readonly annotations: StepFinished['annotations'];
  readonly outputs: Record<string, string>;
}

/** Follows the output until the shim's end; stops the step on cancel and at its time limit. */
async function attend(run: StepRun, step: StepDefinition): Promise<Attended> {
  const { dir, log, masks, expressions, world, scope, status } = run;
  const annotations: StepFinished['annotations'] = [];
  const outputs: Record<string, string> = {};
  const reader = new OutputReader(join(dir, 'output'), masks, {
    text: (text) => log.write(text),
    full: () => log.backlog > BACKLOG_BYTES,
    command: (command) => {
      if (command.kind === 'annotation') keepAnnotation(annotations, command);
      if (command.kind === 'setOutput') outputs[command.name] = command.value;
    },
  });
  const minutes = Number(expressions.value(step.timeoutMinutes, valuesOf(world, scope, status), status) ?? 0);
  let ended = false;
  let timedOut: number | null = null;
  const ending = waitForEnd(dir).finally(() => {
    ended = true;
  });
  const stop = async () => {
    killGroup(dir, 'SIGTERM');
    await sleep(TERM_GRACE_MS, undefined, { ref: false });
    if (!ended) killGroup(dir, 'SIGKILL');
  };
  const onAbort = () => void stop();
  const onTimeout = () => {
    timedOut = minutes;
    void stop();
  };
  run.stopped.addEventListener('abort', onAbort, { once: true });
  if (run.stopped.aborted) onAbort();
  const timer = minutes > 0 ? setTimeout(onTimeout, Math.min(minutes * 60_000, LONGEST_TIMER_MS)) : undefined;
  const unhand = () => {
    clearTimeout(timer);
    run.stopped.removeEventListener('abort', onAbort);
  };
  // Beside the reading, which waits while nobody takes the log.
  const limit = setInterval(() => void endWhatIsTooLong(run).catch(() => {}), LIMIT_LOOK_MS);
  try {
    while (!ended) {
      await reader.read();
      await Promise.race([ending, sleep(TAIL_MS, undefined, { ref: false })]);
    }
    unhand();
    const end = await ending;
    // What a step left running may print on for ever.
    const printed = await sizeOfStepFile(join(dir, 'output'));
    const tooLong = end.kind !== 'exit' && printed > run.spoolBytes ? run.spoolBytes : null;
    while (tooLong === null && !(await reader.read(printed))) await sleep(TAIL_MS);
    return { end, timedOut, tooLong, annotations, outputs };
  } catch (error) {
    killGroup(dir, 'SIGKILL');
    throw error;
  } finally {
    unhand();
    clearInterval(limit);
  }
}

/** Steps of this job, and what earlier ones left running. At once: a grace would be gigabytes more. */
async function endWhatIsTooLong({ dir, spoolBytes }: StepRun): Promise<void> {
  const steps = dirname(dir);
  for (const step of await readdir(steps))
    if ((await sizeOfStepFile(join(steps, step, 'output'))) > spoolBytes)
      killGroup(join(steps, step), 'SIGKILL');
}

function keepAnnotation(kept: StepFinished['annotations'], note: StepFinished['annotations'][number]): void {
  if (kept.filter((other) => other.level === note.level).length >= ANNOTATIONS_A_LEVEL) return;
  const { level, place } = note;
  kept.push({ level, place, message: note.message.slice(0, ANNOTATION_CHARACTERS) });
}

function resultOf(
  end: ShimEnd,
  how: {
    readonly timedOut: number | null;
    readonly stopped: boolean;
    /** The most it may print, in bytes, when it was ended for that. */
    readonly tooLong: number | null;
  },
): Partial<StepResult> {
  const code = end.kind === 'exit' ? end.code : null;
  const signal = end.kind === 'signal' ? end.signal : null;
  if (how.stopped) return { outcome: 'cancelled', exitCode: code, signal, reason: 'cancelled' };
  if (how.timedOut !== null)
    return {
      outcome: 'failed',
      exitCode: code,
      signal,
      timedOut: true,
      reason: `it took longer than timeout-minutes: ${how.timedOut}`,
    };
  if (how.tooLong !== null)
    return {
      outcome: 'failed',
      exitCode: code,
      signal,
      tooLong: true,
      reason: `it printed more than ${formatBytes(how.tooLong)} (HOLDFAST_AGENT_SPOOL_LIMIT): let it write what is that long to a file`,
    };
  if (code === 0) return { outcome: 'succeeded', exitCode: 0, signal: null, reason: null };
  if (end.kind === 'exit')
    return { outcome: 'failed', exitCode: code, signal: null, reason: `exit code ${code}` };
  if (end.kind === 'signal')
    return { outcome: 'failed', exitCode: null, signal, reason: `ended by ${signal}` };
  const lost = end.kind === 'abandoned' ? 'its agent was gone for too long' : 'its shim was killed';
  return { outcome: 'failed', reason: lost, lost };
}
