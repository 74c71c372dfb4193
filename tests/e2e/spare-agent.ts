import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunView } from '@holdfast/contract/api/resources.ts';
import { until } from '../../tools/demo/machine.ts';
import type { WorkBench } from './work-bench.ts';

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
  // The step is reported a moment before its shim has written who it is.
  await until('the shim', async () => existsSync(join(folder, '1', 'shim')));
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
