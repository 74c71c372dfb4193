import type { Client } from '@holdfast/contract/api/client.ts';
import type { EnvironmentView } from '@holdfast/contract/api/resources.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';

/** `APP/ENV`, or `ENV` where only one app has it. */
export async function environmentNamed(client: Client, name: string): Promise<EnvironmentView> {
  const { items } = await client('listEnvironments');
  const found = items.filter((item) => item.name === name || item.environment === name);
  const only = found[0];
  if (only && found.length === 1) return only;
  const known = items.map((item) => item.name).join(', ') || 'none: nothing was ever deployed';
  throw new HoldfastError(
    'environmentUnknown',
    found.length > 1
      ? `${name} is in several apps: ${found.map((item) => item.name).join(', ')}`
      : `there is no environment ${name}; there is ${known}`,
  );
}

export async function onlyEnvironment(client: Client): Promise<EnvironmentView> {
  const { items } = await client('listEnvironments');
  const only = items[0];
  if (only && items.length === 1) return only;
  const known = items.map((item) => item.name).join(', ') || 'none yet';
  throw new HoldfastError('usageInvalid', `name the environment with --environment; there is ${known}`);
}

/** A run by its id, or by its number where only one repository has it. */
export async function runNamed(client: Client, name: string): Promise<string> {
  if (/^[0-9a-f-]{36}$/.test(name)) return name;
  const { items } = await client('listRuns', { query: { limit: 200 } });
  const found = items.filter((run) => String(run.number) === name || run.id.startsWith(name));
  const only = found[0];
  if (only && found.length === 1) return only.id;
  throw new HoldfastError(
    'runUnknown',
    found.length > 1 ? `several repositories have a run ${name}; use its id` : `there is no run ${name}`,
  );
}
