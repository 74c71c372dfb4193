import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Where a benchmark works: one temporary folder and the processes it started. Closing takes
 * everything away again, the newest first, and touches nothing that it did not start.
 */
export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: { readonly [name: string]: string };
}

const GRACE_MS = 8_000;

export class Workbench {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  private readonly endings: (() => unknown)[] = [];
  private started = 0;

  constructor() {
    // The unprivileged owner of PostgreSQL has to get through.
    chmodSync(this.folder, 0o755);
    this.atEnd(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  atEnd(ending: () => unknown): void {
    this.endings.push(ending);
  }

  start(program: Program): Started {
    this.started += 1;
    const log = join(this.folder, `${program.name}-${this.started}.log`);
    const file = openSync(log, 'a', 0o600);
    const child = spawn(program.command, program.args, {
      stdio: ['ignore', file, file, 'ipc'],
      env: { ...process.env, ...program.env },
      cwd: this.folder,
    });
    closeSync(file);
    const started = new Started(program.name, child, log);
    this.atEnd(() => started.stop());
    return started;
  }

  /** A program of this folder or of Holdfast, run by the same Node as this one. */
  startNode(program: {
    readonly name: string;
    readonly path: string;
    readonly args?: readonly string[];
    readonly env?: { readonly [name: string]: string };
    readonly flags?: readonly string[];
  }): Started {
    return this.start({
      name: program.name,
      command: process.execPath,
      args: [...(program.flags ?? []), program.path, ...(program.args ?? [])],
      env: program.env,
    });
  }

  async close(): Promise<void> {
    for (let ending = this.endings.pop(); ending; ending = this.endings.pop()) {
      try {
        await ending();
      } catch (error) {
        say(`could not clean up: ${(error as Error).message}`);
      }
    }
  }
}

export class Started {
  readonly pid: number;
  private readonly name: string;
  private readonly child: ChildProcess;
  private readonly log: string;
  private readonly ended: Promise<void>;
  private running = true;

  constructor(name: string, child: ChildProcess, log: string) {
    this.name = name;
    this.child = child;
    this.log = log;
    this.pid = child.pid ?? -1;
    this.ended = new Promise((done) => {
      const end = () => {
        this.running = false;
        done();
      };
      child.once('exit', end).once('error', end);
    });
  }

  get isRunning(): boolean {
    return this.running;
  }

  /** The next message over IPC; a process that ends before it has one is a failed measurement. */
  async message<Value>(timeoutMs: number): Promise<Value> {
    const limit = AbortSignal.timeout(timeoutMs);
    return new Promise<Value>((done, fail) => {
      this.child.once('message', (value) => done(value as Value));
      void this.ended.then(() => fail(this.failure('ended')));
      limit.addEventListener('abort', () => fail(this.failure(`said nothing for ${timeoutMs / 1000} s`)));
    });
  }

  tell(message: string): void {
    this.child.send(message);
  }

  failure(what: string): Error {
    return new Error(
      `${this.name} ${what}; its log ends with:\n${readFileSync(this.log, 'utf8').slice(-2_000)}`,
    );
  }

  /** Everything it printed so far. */
  output(): string {
    return readFileSync(this.log, 'utf8');
  }

  async exited(): Promise<number | null> {
    await this.ended;
    return this.child.exitCode;
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    this.child.kill('SIGTERM');
    const hard = setTimeout(() => this.child.kill('SIGKILL'), GRACE_MS);
    await this.ended;
    clearTimeout(hard);
  }
}

export function say(sentence: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${sentence}\n`);
}

/** Free now; whoever takes it in between makes the start fail loudly. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}
