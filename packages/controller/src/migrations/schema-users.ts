import type { Migration, Wish } from '@holdfast/core/migration/migration.ts';
import { NO_SCHEMA, type SchemaUser, wishFor } from '@holdfast/core/migration/schema-range.ts';
import { retained } from '@holdfast/core/release/release.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { listReleases, type ReleaseRow } from '@holdfast/postgres/release/release-store.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { instancesOf } from '@holdfast/postgres/rollout/instance-store.ts';
import { liveRollouts } from '@holdfast/postgres/rollout/rollout-store.ts';

/** Who needs which shape of an environment's schema now. */
export interface SchemaUse {
  readonly users: readonly SchemaUser[];
  /** No rollout is under way. */
  readonly settled: boolean;
  /** The newest release that names a database: its secret opens it. */
  readonly owner: ReleaseRow | null;
}

const RELEASES_LOOKED_AT = 200;

export async function schemaUse(sql: Queryable, environment: EnvironmentRow): Promise<SchemaUse> {
  const rollouts = await liveRollouts(sql, environment.id);
  const releases = await listReleases(sql, environment.id, RELEASES_LOOKED_AT);
  const users = new Map<string, SchemaUser>();
  const add = (id: string | null, why: SchemaUser['why'], waits = false) => {
    const release = releases.find((candidate) => candidate.id === id);
    if (!release || users.has(release.id)) return;
    users.set(release.id, { number: release.number, range: release.schema?.range ?? NO_SCHEMA, why, waits });
  };
  add(environment.stable, 'serves');
  // What waits for people has no say yet but for what must not go.
  for (const { candidate, state } of rollouts)
    add(candidate, 'isRolledOut', state === 'planned' || state === 'awaitingApproval');
  const served = releases.map((release) => ({ ...release, servedAt: release.served_at?.getTime() ?? null }));
  for (const { id } of retained(served, environment.config.rollback.keep)) add(id, 'isKept');
  for (const { release_id: id, ended_at: ended } of await instancesOf(sql, environment.id))
    if (ended === null) add(id, 'hasInstances');
  const named = releases.filter(({ config }) => config.migrations);
  return {
    users: [...users.values()],
    settled: rollouts.length === 0,
    owner: named.find(({ id }) => users.has(id)) ?? named[0] ?? null,
  };
}

export function wishOf(migration: Migration, { users, settled, owner }: SchemaUse): Wish {
  return wishFor(migration, users, { settled, manual: owner?.config.migrations?.contract === 'manual' });
}
