import { type SpawnOptions, spawn } from 'node:child_process';
import { FIRST_SOCKET, isSocketActivated, SOCKET_TOLD } from '@holdfast/contract/router/socket-activation.ts';
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

const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];
const ROUTER_SIGNALS: readonly NodeJS.Signals[] = [...SIGNALS, 'SIGUSR2'];

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
          name === 'router' ? withSocket() : { stdio: 'inherit' },
        );
        // Where this is a container's first process nothing outlives it: an agent says goodbye.
        const last = name === 'agent' && process.pid === 1;
        for (const signal of name === 'router' ? ROUTER_SIGNALS : SIGNALS)
          process.on(signal, () => child.kill(last && signal === 'SIGTERM' ? 'SIGINT' : signal));
        const code = await new Promise<number>((done) => child.once('exit', (status) => done(status ?? 1)));
        if (code !== 0) throw new ExitWith(code);
      });
    if (name === 'agent') addIntent(added, 'drain');
  }
}

/** A socket that a service manager gave this process is for the router. */
function withSocket(): SpawnOptions {
  if (!isSocketActivated(process.env, process.pid)) return { stdio: 'inherit' };
  return {
    stdio: ['inherit', 'inherit', 'inherit', FIRST_SOCKET],
    env: { ...process.env, [SOCKET_TOLD.number]: String(FIRST_SOCKET), [SOCKET_TOLD.activated]: '1' },
  };
}
