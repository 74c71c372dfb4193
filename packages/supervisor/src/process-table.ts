import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import { compileCache } from './programs.ts';

/**
 * Processes that outlive their starter. Each is known by pid and start time, kept in a file, so
 * that the next supervisor adopts what runs instead of starting it twice.
 */
export interface ProcessSpec {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: { readonly [name: string]: string };
}

export interface Known {
  readonly pid: number;
  readonly startTime: string;
}

export class ProcessTable {
  private readonly file: string;
  private readonly logs: string;
  private readonly known = new Map<string, Known>();

  constructor(file: string, logs: string) {
    this.file = file;
    this.logs = logs;
    if (existsSync(file))
      for (const [name, entry] of Object.entries(
        JSON.parse(readFileSync(file, 'utf8')) as Record<string, Known>,
      ))
        this.known.set(name, entry);
  }

  isRunning(name: string): boolean {
    const entry = this.known.get(name);
    return entry !== undefined && startTimeOf(entry.pid) === entry.startTime;
  }

  pidOf(name: string): number | undefined {
    return this.isRunning(name) ? this.known.get(name)?.pid : undefined;
  }

  names(): readonly string[] {
    return [...this.known.keys()].filter((name) => this.isRunning(name));
  }

  start(spec: ProcessSpec): ChildProcess {
    mkdirSync(this.logs, { recursive: true, mode: 0o700 });
    const log = openSync(join(this.logs, `${spec.name.replace('/', '-')}.log`), 'a', 0o600);
    const child = spawn(process.execPath, [spec.program, ...spec.args], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...compileCache(), ...spec.env },
    });
    closeSync(log);
    child.on('error', () => {});
    child.unref();
    if (child.pid !== undefined)
      this.remember(spec.name, { pid: child.pid, startTime: startTimeOf(child.pid) ?? '' });
    return child;
  }

  /** The signal, then after the grace SIGKILL. */
  async stop(name: string, signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM', graceMs = 12_000): Promise<void> {
    const entry = this.known.get(name);
    if (!entry || !this.isRunning(name)) return;
    send(entry.pid, signal);
    for (const deadline = performance.now() + graceMs; this.isRunning(name) && performance.now() < deadline; )
      await sleep(30);
    if (this.isRunning(name)) send(entry.pid, 'SIGKILL');
    this.known.delete(name);
    this.save();
  }

  private remember(name: string, entry: Known): void {
    this.known.set(name, entry);
    this.save();
  }

  private save(): void {
    writeFileSync(`${this.file}.tmp`, JSON.stringify(Object.fromEntries(this.known)), { mode: 0o600 });
    renameSync(`${this.file}.tmp`, this.file);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in between.
  }
}
