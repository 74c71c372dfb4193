import { createClient } from '@holdfast/contract/api/client.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Command } from 'commander';
import { globals, keepCredentials, readInput } from '../connection.ts';
import { say } from '../terminal/output.ts';

export function addLogin(program: Command): void {
  program
    .command('login')
    .option('--token-file <path>', 'read the token from here; from stdin without it')
    .description('keep a controller and a token for the next commands')
    .action(async (options: { tokenFile?: string }, command: Command) => {
      const { controller } = globals(command);
      if (!controller)
        throw new HoldfastError('usageInvalid', 'name the controller: holdfast --controller URL login');
      const kept = {
        controllers: controller.split(','),
        token: readInput(options.tokenFile).trim(),
      };
      await createClient(kept)('listRuns', { query: { limit: 1 } });
      keepCredentials(kept);
      say(`Logged in to ${controller}`);
    });
}
