import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { printJson, say } from '../terminal/output.ts';
import { environmentNamed } from './names.ts';
import { watchRollout } from './rollout.ts';

export function addRollback(program: Command): void {
  program
    .command('rollback')
    .argument('<environment>', 'APP/ENV')
    .option('--to <release>', 'number of a retained release; the last one without it')
    .option('--watch', 'stay until traffic is back')
    .description('traffic back to a retained release: no build, no analysis')
    .action(async (name: string, options: { to?: string; watch?: boolean }, command: Command) => {
      if (options.to !== undefined && !/^\d+$/.test(options.to))
        throw new HoldfastError('usageInvalid', `expected --to NUMBER, found ${options.to}`);
      const client = connect(command);
      const { app, environment } = await environmentNamed(client, name);
      const done = await client('rollBack', {
        params: { app, environment },
        body: { id: newId(), ...(options.to ? { to: Number(options.to) } : {}) },
      });
      if (options.watch) return watchRollout(command, client, done.rollout);
      if (globals(command).json) printJson(done);
      else say(done.sentence);
    });
}
