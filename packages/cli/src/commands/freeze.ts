import { HoldfastError } from '@holdfast/contract/errors.ts';
import { parseDurationMs } from '@holdfast/core/kernel/quantity.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { printJson, say } from '../terminal/output.ts';
import { environmentNamed } from './names.ts';

interface FreezeOptions {
  readonly until?: string;
  readonly why?: string;
  readonly lift?: boolean;
}

export function addFreeze(program: Command): void {
  program
    .command('freeze')
    .argument('<environment>', 'APP/ENV')
    .option('--until <time>', 'RFC 3339, or a duration from now such as 8h')
    .option('--why <text>', 'shown wherever something waits for it')
    .option('--lift', 'end the freeze now')
    .description('no rollout starts until then; rollbacks still do')
    .action(async (name: string, options: FreezeOptions, command: Command) => {
      const client = connect(command);
      const { app, environment } = await environmentNamed(client, name);
      const done = await client('freeze', {
        params: { app, environment },
        body: { freeze: freezeOf(options) },
      });
      if (globals(command).json) printJson(done);
      else say(done.did);
    });
}

function freezeOf({ until, why, lift }: FreezeOptions): { until: string; why: string } | null {
  if (lift) return null;
  if (!until || !why)
    throw new HoldfastError('usageInvalid', 'expected --until TIME and --why TEXT, or --lift');
  const duration = parseDurationMs(until);
  const at = duration.ok ? Date.now() + duration.value : Date.parse(until);
  if (Number.isNaN(at))
    throw new HoldfastError(
      'usageInvalid',
      `expected --until as RFC 3339 or a duration such as 8h, found ${until}`,
    );
  return { until: new Date(at).toISOString(), why };
}
