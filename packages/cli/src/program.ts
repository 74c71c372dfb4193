import { ERRORS, HoldfastError, KINDS, systemCode } from '@holdfast/contract/errors.ts';
import { Command, CommanderError } from 'commander';
import { commands } from './commands/all.ts';
import { ExitWith } from './terminal/exit-with.ts';

/** Exit codes: 0 done · 1 the thing itself failed · 2 wrong usage · 3 refused · 4 unreachable. */
export async function run(words: readonly string[]): Promise<number> {
  const program = new Command('holdfast')
    .description('From git push to 100 % of traffic without dropping a request')
    .option('--controller <url>', 'address of a controller (several with commas)')
    .option('--json', 'one JSON document on stdout')
    .option('--quiet', 'no progress')
    .option('--idempotency-key <key>', 'a change that is asked for again under the same key is made once')
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) })
    .showHelpAfterError('(run with --help to see what it takes)');
  for (const add of commands) add(program);
  try {
    await program.parseAsync(['node', 'holdfast', ...words]);
    return 0;
  } catch (error) {
    return explain(error);
  }
}

function explain(error: unknown): number {
  if (error instanceof ExitWith) return error.code;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof HoldfastError) {
    process.stderr.write(`holdfast: ${error.located}\n`);
    if (!error.place) process.stderr.write(`  ${ERRORS[error.code].remedy}\n`);
    return KINDS[error.kind].exit;
  }
  if (systemCode(error) === 'EPIPE') return 0;
  process.stderr.write(`holdfast: ${(error as Error).stack}\n`);
  return 1;
}
