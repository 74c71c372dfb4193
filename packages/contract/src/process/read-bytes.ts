import { parseBytes } from '@holdfast/core/kernel/quantity.ts';
import { HoldfastError } from '../errors.ts';

/** A size that an environment variable says; null: it says none. */
export function readBytes(variable: string, env: NodeJS.ProcessEnv): number | null {
  const said = env[variable];
  if (said === undefined) return null;
  const read = parseBytes(said);
  if (read.ok) return read.value;
  throw new HoldfastError('usageInvalid', `${variable}: ${read.refusal}`);
}
