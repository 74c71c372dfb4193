import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkBench } from './work-bench.ts';

/** One more agent, started as `holdfast agent` would be, with a label of its own. */
export interface SpareAgent {
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
  return { child, ended, kill: () => void child.kill('SIGKILL') };
}
