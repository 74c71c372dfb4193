import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import type { Scene } from './scene.ts';

/**
 * The processes of a suite by name, each with a log of its own. They are written down with pid and
 * start time, so that the next suite can end those of a harness that died.
 */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
}

interface Running {
  readonly pid: number;
  readonly startTime: string;
}

export class Processes {
  private readonly scene: Scene;
  private readonly running = new Map<string, Running>();
  private readonly ending = new Set<number>();
  /** Told of every process that ended without having been asked to. */
  onDeath: (sentence: string) => void = () => {};

  constructor(scene: Scene) {
    this.scene = scene;
  }

  start({ name, command, args, ...options }: ProcessSpec): number {
    const log = openSync(join(this.scene.logs, `${name}.log`), 'a');
    const child = spawn(command, args, { cwd: '/', ...options, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    const { pid } = child;
    if (pid === undefined) throw new Error(`${name} did not start: ${command}`);
    const entry = { pid, startTime: startTimeOf(pid) ?? '' };
    this.running.set(name, entry);
    appendFileSync(this.scene.processFile, `${entry.pid} ${entry.startTime} ${name}\n`);
    child.on('exit', (code, signal) => {
      if (!this.ending.delete(pid)) this.onDeath(`${name} ended by itself (${signal ?? `exit ${code}`})`);
    });
    child.unref();
    return pid;
  }

  isRunning(name: string): boolean {
    const entry = this.running.get(name);
    return entry !== undefined && startTimeOf(entry.pid) === entry.startTime;
  }

  /** False when it does not run. */
  signal(name: string, signal: NodeJS.Signals): boolean {
    const entry = this.running.get(name);
    if (!entry || !this.isRunning(name)) return false;
    if (!['SIGSTOP', 'SIGCONT'].includes(signal)) this.ending.add(entry.pid);
    return process.kill(entry.pid, signal);
  }

  /** Somebody else is about to kill it. */
  expectEnd(name: string): void {
    const entry = this.running.get(name);
    if (entry && this.isRunning(name)) this.ending.add(entry.pid);
  }
}
