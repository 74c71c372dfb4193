import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { ago, printJson, say, table } from '../terminal/output.ts';

export function addRepo(program: Command): void {
  const repo = program.command('repo').description('watched repositories');
  repo
    .command('add')
    .argument('<name>')
    .argument('<url>', 'address or path')
    .option('--poll <seconds>', 'look this often for a push that no webhook told of')
    .action(async (name: string, url: string, options: { poll?: string }, command: Command) => {
      const local = existsSync(url);
      const seconds = Number(options.poll ?? (local ? 2 : 30));
      if (!Number.isInteger(seconds) || seconds < 1)
        throw new HoldfastError('usageInvalid', `expected --poll in whole seconds, found ${options.poll}`);
      const added = await connect(command)('addRepository', {
        body: { id: newId(), name, url: local ? resolve(url) : url, pollSeconds: seconds },
      });
      if (globals(command).json) return printJson(added);
      say(`${name} is watched. A push to it starts its workflows within ${seconds} s.`);
      say(
        `Webhook: POST CONTROLLER/hooks/generic, signed with this secret (shown once): ${added.webhookSecret}`,
      );
    });
  repo.command('list').action(async (_options: unknown, command: Command) => {
    const page = await connect(command)('listRepositories');
    if (globals(command).json) return printJson(page);
    say(
      table(
        ['repository', 'address', 'looked', 'problem'],
        page.items.map((item) => [item.name, item.url, ago(item.lastPolledAt), item.problem ?? '-']),
      ),
    );
  });
  repo
    .command('remove')
    .argument('<name>')
    .action(async (name: string, _options: unknown, command: Command) => {
      const done = await connect(command)('removeRepository', { params: { name } });
      if (globals(command).json) printJson(done);
      else say(done.did);
    });
}
