import { parseArgs } from 'node:util';
import { HoldfastError, systemCode } from '../errors.ts';

/** Flags of a long-running program: names, and whether each takes a value. */
export interface Flags {
  readonly [name: string]: { readonly type: 'string' | 'boolean' };
}

/** What was given; null: only help was wanted, and has been printed. What is not known is refused in a sentence. */
export function readOptions(
  program: string,
  flags: Flags,
  args: readonly string[] = process.argv.slice(2),
): { readonly [name: string]: string | boolean | undefined } | null {
  const known = Object.entries(flags).map(
    ([name, { type }]) => `--${name}${type === 'string' ? ' VALUE' : ''}`,
  );
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(
      `usage: holdfast ${program} [options]\n\n${known.map((flag) => `  ${flag}\n`).join('')}`,
    );
    return null;
  }
  try {
    return parseArgs({ args: [...args], options: { ...flags } }).values;
  } catch (error) {
    if (!systemCode(error)?.startsWith('ERR_PARSE_ARGS')) throw error;
    const [said] = (error as Error).message.split('. To specify');
    throw new HoldfastError('usageInvalid', `${said}; expected ${known.join(', ')}`);
  }
}
