import { spawn } from 'node:child_process';
import { programPath } from '../program-path.ts';
import { ExitWith } from '../terminal/exit-with.ts';

/** Runs the local engine in a process of its own, with its output as it comes. */
export async function runLocally(options: {
  readonly workflow: string | undefined;
  readonly job: string | undefined;
  readonly quiet: boolean;
}): Promise<void> {
  const words = [
    ...(options.workflow ? ['--workflow', options.workflow] : []),
    ...(options.job ? ['--job', options.job] : []),
    ...(options.quiet ? ['--quiet'] : []),
  ];
  const child = spawn(process.execPath, [programPath('local'), ...words], { stdio: 'inherit' });
  process.on('SIGINT', () => {});
  const code = await new Promise<number>((done) => child.once('exit', (status) => done(status ?? 1)));
  if (code !== 0) throw new ExitWith(code);
}
