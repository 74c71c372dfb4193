import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { printJson, say } from '../terminal/output.ts';
import { runNamed } from './names.ts';

export function addWhy(program: Command): void {
  program
    .command('why')
    .argument('<id>', 'of a run, a job or a rollout')
    .description('why is this waiting, in one sentence')
    .action(async (id: string, _options: unknown, command: Command) => {
      const client = connect(command);
      const answer = await client('why', { params: { id: await runNamed(client, id) } });
      if (globals(command).json) printJson(answer);
      else say(answer.sentence);
    });
}
