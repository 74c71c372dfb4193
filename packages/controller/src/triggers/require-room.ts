import { HoldfastError } from '@holdfast/contract/errors.ts';
import { LIMITS } from '@holdfast/contract/limits.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { countPending } from '@holdfast/postgres/run/inbox-store.ts';
import type { RepositoryRow } from '@holdfast/postgres/run/repository-store.ts';

/** Asked by whoever is told of a trigger and can send the teller away; pushes that polling sees are never lost for it. */
export async function requireRoom(
  sql: Queryable,
  { id, name }: Pick<RepositoryRow, 'id' | 'name'>,
): Promise<void> {
  if ((await countPending(sql, id)) < LIMITS.queuePerRepository) return;
  throw new HoldfastError('queueFull', `${LIMITS.queuePerRepository} triggers of ${name} wait already`);
}
