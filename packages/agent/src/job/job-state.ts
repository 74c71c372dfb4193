import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Grant, StepFinished } from '@holdfast/contract/agent/protocol.ts';
import type { Conclusion } from '@holdfast/core/pipeline/pipeline.ts';

/**
 * What the next step can see, beside the files: carried by every checkpoint and kept on disk after
 * every change, so that an agent that restarts goes on where it was.
 */
export interface StepView {
  readonly outputs: { readonly [name: string]: string };
  /** GitHub's words: success, failure, cancelled, skipped. */
  readonly outcome: string;
  readonly conclusion: string;
}

/** A step that is done again wherever a later checkpoint is restored. */
export interface Provision {
  readonly index: number;
  /** What it wrote to GITHUB_ENV and GITHUB_PATH. */
  readonly env: { readonly [name: string]: string };
  readonly path: readonly string[];
}

export interface JobState {
  readonly next: number;
  readonly steps: { readonly [id: string]: StepView };
  readonly env: { readonly [name: string]: string };
  readonly path: readonly string[];
  readonly masks: readonly string[];
  readonly failed: boolean;
  readonly checkpoint: string | null;
  readonly layers: readonly string[];
  readonly notPortable: string | null;
  /** In the order of their steps. */
  readonly provisions: readonly Provision[];
  /** What its steps have taken, on whatever machines; without what was lost with one. */
  readonly spentMs: number;
  /** Its timeout-minutes are over: what runs since is clean-up. */
  readonly timedOut: boolean;
  /** Where the job's folder lay when this was written. */
  readonly root: string;
}

/** The step that runs now: enough to find its shim again. */
export interface RunningStep {
  readonly index: number;
  /** By the machine's clock that never jumps (uptimeMs()); absent: an older agent did not note it. */
  readonly began?: number;
  readonly attemptId: string;
  readonly name: string;
  /** It was tried before; absent: it was not. */
  readonly retried?: Retried;
}

/** What is known of earlier tries of the step that runs now. */
export interface Retried {
  /** How often each rule of HOLDFAST_RETRY was used. */
  readonly spent: readonly number[];
  /** The result of the last one, as long as no controller has said that it knows it. */
  readonly owed: StepFinished | null;
}

export interface JobFile {
  readonly grant: Omit<Grant, 'secrets' | 'checkpointKey'>;
  readonly state: JobState;
  readonly running: RunningStep | null;
  /** Provisions that are still to be done again on this machine, before it goes on. */
  readonly toDoAgain: readonly number[];
  /** What runs now is clean-up, and is not to be stopped when the next process hears of it. */
  readonly cancelled: boolean;
}

export const GITHUB_WORDS: Record<Conclusion, string> = {
  succeeded: 'success',
  failed: 'failure',
  cancelled: 'cancelled',
  skipped: 'skipped',
};

export function freshState(root: string): JobState {
  return {
    next: 0,
    steps: {},
    env: {},
    path: [],
    masks: [],
    failed: false,
    checkpoint: null,
    layers: [],
    notPortable: null,
    provisions: [],
    spentMs: 0,
    timedOut: false,
    root,
  };
}

/** With what an older agent did not write. */
function whole(state: JobState): JobState {
  return { ...freshState(state.root), ...state };
}

/**
 * Moves absolute paths below the old root to the new one: agents may keep jobs in different places. A run again
 * begins at a checkpoint of another job, whose time is not its own.
 */
export function moveRoot(given: JobState, root: string): JobState {
  const state = whole(given);
  if (state.root === root) return state;
  const move = (text: string) => text.replaceAll(state.root, root);
  const moveAll = (env: JobState['env']) =>
    Object.fromEntries(Object.entries(env).map(([name, value]) => [name, move(value)]));
  const provisions = state.provisions.map(({ index, env, path }) => ({
    index,
    env: moveAll(env),
    path: path.map(move),
  }));
  const time = basename(state.root) === basename(root) ? {} : { spentMs: 0, timedOut: false };
  return { ...state, ...time, root, env: moveAll(state.env), path: state.path.map(move), provisions };
}

export function writeJobFile(folder: string, file: JobFile): void {
  const path = join(folder, 'job.json');
  writeFileSync(`${path}.tmp`, JSON.stringify(file), { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

export function readJobFile(folder: string): JobFile | null {
  const path = join(folder, 'job.json');
  if (!existsSync(path)) return null;
  try {
    const file = JSON.parse(readFileSync(path, 'utf8')) as JobFile;
    return {
      ...file,
      state: whole(file.state),
      toDoAgain: file.toDoAgain ?? [],
      cancelled: file.cancelled ?? false,
    };
  } catch {
    // Cut short by a power loss: as if it were not there, and the job begins at its checkpoint.
    return null;
  }
}
