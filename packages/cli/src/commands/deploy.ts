import { newId } from '@holdfast/contract/id.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { printJson, say } from '../terminal/output.ts';
import { environmentNamed } from './names.ts';
import { watchRollout } from './rollout.ts';

interface DeployOptions {
  readonly watch?: boolean;
}

export function addDeploy(program: Command): void {
  program
    .command('deploy')
    .argument('<environment>', 'APP/ENV')
    .requiredOption('--artifact <name@digest>', 'what to roll out')
    .option('--watch', 'stay until it ends')
    .description('roll an artifact out')
    .action((name: string, options: DeployOptions & { artifact: string }, command: Command) =>
      deploy(command, { name, artifact: options.artifact, options }),
    );
  program
    .command('promote')
    .argument('<artifact>', 'NAME@DIGEST')
    .requiredOption('--to <environment>', 'APP/ENV')
    .option('--watch', 'stay until it ends')
    .description('the same bytes, the next environment')
    .action((artifact: string, options: DeployOptions & { to: string }, command: Command) =>
      deploy(command, { name: options.to, artifact, options }),
    );
}

async function deploy(
  command: Command,
  what: { readonly name: string; readonly artifact: string; readonly options: DeployOptions },
): Promise<void> {
  const client = connect(command);
  const { app, environment } = await environmentNamed(client, what.name);
  const done = await client('deploy', {
    params: { app, environment },
    body: { id: newId(), artifact: what.artifact },
  });
  if (what.options.watch) return watchRollout(command, client, done.rollout);
  if (globals(command).json) printJson(done);
  else say(done.sentence);
}
