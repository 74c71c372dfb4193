import type { Client } from '@holdfast/contract/api/client.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { printJson, say } from '../terminal/output.ts';
import { currentRollout } from './rollout.ts';

/**
 * `approve` and `reject`: a person's answer to a rollout that waits for approvals, or to a job that
 * asks before it runs a step again.
 */
const ANSWERS = { approve: 'let it go on', reject: 'let it fail' } as const;
type Answer = keyof typeof ANSWERS;

export function addAnswer(program: Command): void {
  for (const answer of Object.keys(ANSWERS) as Answer[]) {
    program
      .command(answer)
      .argument('<id>', 'of a rollout that waits, or of a job that asks; or APP/ENV')
      .description(`answer what is being asked: ${ANSWERS[answer]}`)
      .action(async (id: string, _options: unknown, command: Command) => {
        const done = await answerTo(connect(command), id, answer);
        if (globals(command).json) printJson(done);
        else say(done.did);
      });
  }
}

async function answerTo(client: Client, id: string, answer: Answer): Promise<{ readonly did: string }> {
  if (!/^[0-9a-f-]{36}$/.test(id)) {
    const rollout = await currentRollout(client, id);
    return client('answerRollout', { params: { id: rollout.id, answer } });
  }
  try {
    return await client('answerRollout', { params: { id, answer } });
  } catch (error) {
    if (!(error instanceof HoldfastError && error.code === 'rolloutUnknown')) throw error;
    return client('answerJob', { params: { id, answer } });
  }
}
