import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Command } from 'commander';
import { connect, globals, readInput } from '../connection.ts';
import { ago, printJson, say, table } from '../terminal/output.ts';

/** Values of secrets come from stdin or a file, never from argv, which other users can read. */
interface Scoped {
  readonly repository?: string;
}

export function addSecret(program: Command): void {
  const secret = program.command('secret').description('secrets: sealed at rest, masked in logs');
  secret
    .command('set')
    .argument('<name>')
    .option('--repository <name>', 'only for this repository')
    .option('--file <path>', 'read the value from here; from stdin without it')
    .action(async (name: string, options: Scoped & { file?: string }, command: Command) => {
      const value = readInput(options.file).replace(/\r?\n$/, '');
      if (value === '')
        throw new HoldfastError('usageInvalid', 'the value is empty; give it on stdin or with --file');
      const done = await connect(command)('setSecret', {
        params: { name },
        query: scope(options),
        body: { value },
      });
      report(command, done);
    });
  secret
    .command('list')
    .option('--repository <name>')
    .action(async (options: Scoped, command: Command) => {
      const page = await connect(command)('listSecrets', { query: scope(options) });
      if (globals(command).json) return printJson(page);
      say(
        table(
          ['secret', 'version', 'set'],
          page.items.map((item) => [item.name, String(item.version), ago(item.updatedAt)]),
        ),
      );
    });
  secret
    .command('remove')
    .argument('<name>')
    .option('--repository <name>')
    .action(async (name: string, options: Scoped, command: Command) =>
      report(command, await connect(command)('removeSecret', { params: { name }, query: scope(options) })),
    );

  const variable = program.command('var').description('variables: plain text for workflows');
  variable
    .command('set')
    .argument('<name>')
    .argument('<value>')
    .option('--repository <name>')
    .action(async (name: string, value: string, options: Scoped, command: Command) =>
      report(
        command,
        await connect(command)('setVariable', { params: { name }, query: scope(options), body: { value } }),
      ),
    );
  variable
    .command('list')
    .option('--repository <name>')
    .action(async (options: Scoped, command: Command) => {
      const page = await connect(command)('listVariables', { query: scope(options) });
      if (globals(command).json) return printJson(page);
      say(
        table(
          ['variable', 'value'],
          page.items.map((item) => [item.name, item.value]),
        ),
      );
    });
  variable
    .command('remove')
    .argument('<name>')
    .option('--repository <name>')
    .action(async (name: string, options: Scoped, command: Command) =>
      report(command, await connect(command)('removeVariable', { params: { name }, query: scope(options) })),
    );
}

function scope(options: Scoped): { repository?: string } {
  return options.repository ? { repository: options.repository } : {};
}

function report(command: Command, done: { readonly did: string }): void {
  if (globals(command).json) printJson(done);
  else say(done.did);
}
