import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { programPath } from '../program-path.ts';
import { ExitWith } from '../terminal/exit-with.ts';
import { addIntent } from './agents.ts';

/** `controller`, `agent`, `router`: the long-running programs, each in its own process. */
const PROGRAMS = {
  controller: 'one controller replica; start as many as wanted',
  agent: 'runs jobs, and with --host instances of releases',
  router: 'the data plane of one environment',
} as const;

export function addPrograms(program: Command): void {
  for (const [name, description] of Object.entries(PROGRAMS)) {
    const added = program
      .command(name)
      .description(description)
      .allowUnknownOption()
      .allowExcessArguments()
      .helpOption(false)
      .action(async () => {
        const words = process.argv.slice(process.argv.indexOf(name) + 1);
        const globalController = program.opts<{ controller?: string }>().controller;
        const child = spawn(
          process.execPath,
          [
            programPath(name as keyof typeof PROGRAMS),
            ...words,
            ...(globalController && !words.includes('--controller')
              ? ['--controller', globalController]
              : []),
          ],
          { stdio: 'inherit' },
        );
        // Where this is a container's first process nothing outlives it: an agent says goodbye.
        const last = name === 'agent' && process.pid === 1;
        for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
          process.on(signal, () => child.kill(last && signal === 'SIGTERM' ? 'SIGINT' : signal));
        const code = await new Promise<number>((done) => child.once('exit', (status) => done(status ?? 1)));
        if (code !== 0) throw new ExitWith(code);
      });
    if (name === 'agent') addIntent(added, 'drain');
  }
}
