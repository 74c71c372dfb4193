import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunView } from '@holdfast/contract/api/resources.ts';
import { until } from '../../tools/demo/machine.ts';
import { WorkBench } from './work-bench.ts';

/** One more agent, started as `holdfast agent` would be, with a label of its own. */
export interface SpareAgent {
  readonly name: string;
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  /** As if its machine had lost its power: nobody says goodbye. */
  kill(): void;
}

const PROGRAM = fileURLToPath(new URL('../../packages/agent/src/main.ts', import.meta.url));

export async function startAgent(
  bench: WorkBench,
  name: string,
  {
    words = [],
    env = {},
  }: { readonly words?: readonly string[]; readonly env?: Record<string, string> } = {},
): Promise<SpareAgent> {
  const made = await bench.machine.client('createToken', { body: { name, scopes: ['agent'] } });
  const tokenFile = join(bench.root, `${name}.token`);
  writeFileSync(tokenFile, `${made.text}\n`, { mode: 0o600 });
  const data = join(bench.root, name);
  const told = ['--controller', bench.machine.addresses.join(','), '--token-file', tokenFile, '--data', data];
  const child = spawn(
    process.execPath,
    [PROGRAM, ...told, '--name', name, '--labels', name, '--slots', '1', ...words],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, HOLDFAST_LOG_LEVEL: 'error', ...env },
    },
  );
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  return { name, child, ended, kill: () => void child.kill('SIGKILL') };
}

/** Everything that a machine runs for the job is gone at once. */
export async function loseMachine(bench: WorkBench, agent: SpareAgent, run: RunView): Promise<void> {
  const folder = join(bench.root, agent.name, 'jobs', run.jobs[0]?.id ?? '', 'steps');
  const running = run.jobs[0]?.steps.findIndex(({ state }) => state === 'running');
  // The step is reported a moment before its shim has written who it is.
  await until('the shim', async () => existsSync(join(folder, String(running), 'shim')));
  agent.kill();
  for (const step of readdirSync(folder).filter((entry) => /^\d+$/.test(entry))) {
    const [pid] = readFileSync(join(folder, step, 'shim'), 'utf8').split(' ');
    try {
      process.kill(-Number(pid), 'SIGKILL');
    } catch {
      // It had ended.
    }
  }
}

/** A bench that misses its agents soon, and the agents that tests start beside its own. */
export class SpareAgents {
  readonly bench: WorkBench;
  private readonly started: SpareAgent[] = [];

  private constructor(bench: WorkBench) {
    this.bench = bench;
  }

  /** A step is ended by its shim when its agent was away for three seconds less than `lostMs`. */
  static async begin({ lostMs }: { readonly lostMs: number }): Promise<SpareAgents> {
    const timers = { HOLDFAST_AGENT_SUSPECT_MS: String(lostMs / 2), HOLDFAST_AGENT_LOST_MS: String(lostMs) };
    return new SpareAgents(await WorkBench.start(timers));
  }

  /** Resolves when a controller knows it. */
  async start(name: string, how: Parameters<typeof startAgent>[2] = {}): Promise<SpareAgent> {
    const agent = await startAgent(this.bench, name, how);
    this.started.push(agent);
    await until(`${name} to be online`, async () => (await this.stateOf(name)) === 'online');
    return agent;
  }

  async stateOf(name: string): Promise<string | undefined> {
    const { items } = await this.bench.machine.client('listAgents');
    return items.find((candidate) => candidate.name === name)?.state;
  }

  async stop(): Promise<void> {
    for (const agent of this.started) agent.kill();
    await Promise.all(this.started.map((agent) => agent.ended));
    await this.bench.stop();
  }
}
