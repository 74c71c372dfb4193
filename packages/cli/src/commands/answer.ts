import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { printJson, say } from '../terminal/output.ts';

/** `approve` and `reject`: a person's answer to a job that asks before it runs a step again. */
export function addAnswer(program: Command): void {
  const answers = { approve: 'let it go on', reject: 'let it fail' } as const;
  for (const answer of ['approve', 'reject'] as const) {
    program
      .command(answer)
      .argument('<id>', 'of a job that asks')
      .description(`answer what is being asked: ${answers[answer]}`)
      .action(async (id: string, _options: unknown, command: Command) => {
        const done = await connect(command)('answerJob', { params: { id, answer } });
        if (globals(command).json) printJson(done);
        else say(done.did);
      });
  }
}
