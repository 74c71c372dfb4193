import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '@holdfast/contract/api/client.ts';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';

/**
 * One machine for the demo and the end-to-end tests: `holdfast up` as a child, with two
 * controllers and two agents on directories (and, as root, users) of their own; and the ways to
 * break it that a real machine knows.
 */
export interface MachineOptions {
  readonly data: string;
  readonly controllers: number;
  readonly env?: Record<string, string>;
  /** As `holdfast up` takes it. */
  readonly blobs?: string;
}

const SUPERVISOR = fileURLToPath(new URL('../../packages/supervisor/src/main.ts', import.meta.url));

export class Machine {
  readonly data: string;
  readonly addresses: readonly string[];
  readonly client: Client;
  private readonly child: ChildProcess;

  private constructor(data: string, child: ChildProcess, addresses: readonly string[]) {
    this.data = data;
    this.child = child;
    this.addresses = addresses;
    this.client = createClient({
      controllers: addresses,
      token: readFileSync(join(data, 'admin.token'), 'utf8').trim(),
    });
  }

  static async start(options: MachineOptions): Promise<Machine> {
    const port = await freePorts(options.controllers);
    const root = process.getuid?.() === 0;
    const agents = [
      { name: 'agent-1', host: true, slots: 2, stepUser: root ? '61001' : null, data: null },
      { name: 'agent-2', host: false, slots: 2, stepUser: root ? '61002' : null, data: null },
    ];
    const child = fork(
      SUPERVISOR,
      [
        '--data',
        options.data,
        '--port',
        String(port),
        '--controllers',
        String(options.controllers),
        '--agents',
        JSON.stringify(agents),
        ...(options.blobs ? ['--blobs', options.blobs] : []),
      ],
      { env: { ...process.env, ...options.env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    const news = await new Promise<{ ready?: string[]; failed?: string }>((done) => {
      child.once('message', (message) => done(message as object));
      child.once('exit', (code) => done({ failed: `the supervisor ended with ${code}` }));
    });
    if (!news.ready) throw new Error(news.failed);
    return new Machine(options.data, child, news.ready);
  }

  processes(): Record<string, { pid: number; startTime: string }> {
    return JSON.parse(readFileSync(join(this.data, 'processes.json'), 'utf8'));
  }

  kill(name: string): void {
    const entry = this.processes()[name];
    if (entry) process.kill(entry.pid, 'SIGKILL');
  }

  /** As if the machine under it had burnt: the agent, its steps' process groups, its directory. */
  burnAgent(name: string, jobId: string): void {
    const folder = this.agentFolder(name);
    const groups = shimGroups(join(folder, 'jobs', jobId, 'steps'));
    this.kill(name);
    for (const group of groups) killQuietly(-group);
    rmSync(folder, { recursive: true, force: true });
  }

  agentFolder(name: string): string {
    const shared = join(this.data, name);
    if (existsSync(shared)) return shared;
    throw new Error(`no folder of ${name} below ${this.data}`);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = new Promise((done) => this.child.once('exit', done));
    this.child.kill('SIGTERM');
    await ended;
  }

  detach(): void {
    this.child.disconnect();
    this.child.unref();
  }
}

function shimGroups(steps: string): number[] {
  return Array.from({ length: 50 }, (_, index) => join(steps, String(index), 'shim'))
    .filter((file) => existsSync(file))
    .flatMap((file) => {
      const [pid = '0', startTime] = readFileSync(file, 'utf8').trim().split(' ');
      return startTimeOf(Number(pid)) === startTime ? [Number(pid)] : [];
    });
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

/** Asks until the answer is there; says what it waited for when it never is. */
export async function until<Value>(
  what: string,
  look: () => Promise<Value | null | undefined | false>,
  limitMs = 120_000,
): Promise<Value> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`waited ${limitMs / 1000} s for ${what}`);
    await sleep(50);
  }
}
