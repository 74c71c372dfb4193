import type { MigrationView } from '@holdfast/contract/api/resources.ts';
import { isGone, underlying } from '@holdfast/core/migration/migration.ts';
import { isNeededBy, isOldFor } from '@holdfast/core/migration/schema-range.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import {
  historyOfMigration,
  type MigrationRow,
  migrationsOf,
} from '@holdfast/postgres/migration/migration-store.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { nameOf } from '../../environments/gather.ts';
import { type SchemaUse, schemaUse, wishOf } from '../../migrations/schema-users.ts';

/** Every schema change of an environment as people see it, newest first. */
export async function describeMigrations(
  sql: Queryable,
  environment: EnvironmentRow,
): Promise<MigrationView[]> {
  const use = await schemaUse(sql, environment);
  const rows = await migrationsOf(sql, environment.id);
  return Promise.all(rows.toReversed().map((row) => describe(sql, environment, { row, use })));
}

async function describe(
  sql: Queryable,
  environment: EnvironmentRow,
  { row, use }: { readonly row: MigrationRow; readonly use: SchemaUse },
): Promise<MigrationView> {
  const { data, form } = row;
  const history = await historyOfMigration(sql, environment.id, row.version);
  const state = underlying(data);
  const waits = state === 'ready' && data.paused === null ? wishOf(data, use).hindrance : null;
  return {
    environment: nameOf(environment),
    version: row.version,
    name: data.name,
    digest: data.digest,
    form,
    state: data.state,
    pausedFrom: data.paused?.from ?? null,
    pausedBy: data.paused?.by ?? null,
    reason: data.reason ?? waits,
    stateSince: new Date(data.stateSince).toISOString(),
    progress: data.progress && { ...data.progress },
    pointOfNoReturn: data.contracts && isGone(data) ? 'passed' : 'ahead',
    users: {
      needing: use.users.filter((user) => isNeededBy(user, row.version)).map(({ number }) => number),
      keepingOld: use.users.filter((user) => isOldFor(user, row.version)).map(({ number }) => number),
    },
    history: history.map(({ at, state: then, reason }) => ({ at: at.toISOString(), state: then, reason })),
  };
}
