import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { SCOPES, type Scope } from '@holdfast/core/access/access.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { ago, printJson, say, table } from '../terminal/output.ts';

export function addToken(program: Command): void {
  const token = program.command('token').description('tokens for people, agents and routers');
  token
    .command('create')
    .argument('<name>')
    .requiredOption(
      '--scope <scope>',
      `one of ${SCOPES.join(', ')}; may be repeated`,
      (text: string, all: string[]) => [...all, text],
      [],
    )
    .action(async (name: string, options: { scope: string[] }, command: Command) => {
      const wrong = options.scope.find((scope) => !(SCOPES as readonly string[]).includes(scope));
      if (wrong)
        throw new HoldfastError('usageInvalid', `expected a scope of ${SCOPES.join(', ')}, found ${wrong}`);
      const made = await connect(command)('createToken', {
        body: { id: newId(), name, scopes: options.scope as Scope[] },
      });
      if (globals(command).json) return printJson(made);
      say(made.text);
    });
  token.command('list').action(async (_options: unknown, command: Command) => {
    const page = await connect(command)('listTokens');
    if (globals(command).json) return printJson(page);
    say(
      table(
        ['id', 'name', 'scopes', 'made', 'revoked'],
        page.items.map((item) => [
          item.id,
          item.name,
          item.scopes.join(','),
          ago(item.createdAt),
          ago(item.revokedAt),
        ]),
      ),
    );
  });
  token
    .command('revoke')
    .argument('<id>')
    .action(async (id: string, _options: unknown, command: Command) => {
      const done = await connect(command)('revokeToken', { params: { id } });
      if (globals(command).json) printJson(done);
      else say(done.did);
    });
}
