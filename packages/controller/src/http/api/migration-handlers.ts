import { HoldfastError } from '@holdfast/contract/errors.ts';
import { decide } from '@holdfast/core/migration/decide.ts';
import { labelOf } from '@holdfast/core/migration/migration.ts';
import { isNeededBy } from '@holdfast/core/migration/schema-range.ts';
import { hastenDuty, reviveDuty } from '@holdfast/postgres/duty/duty-store.ts';
import {
  type MigrationRow,
  migrationsOf,
  requestOfMigration,
} from '@holdfast/postgres/migration/migration-store.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { nameOf } from '../../environments/gather.ts';
import { type SchemaUse, schemaUse, wishOf } from '../../migrations/schema-users.ts';
import type { Handlers } from '../bind.ts';
import { describeMigrations } from './describe-migrations.ts';
import { requireEnvironment } from './environment-handlers.ts';
import { planMigrations } from './plan-migrations.ts';

export const migrationHandlers: Handlers = {
  listMigrations: async ({ database }, { params }) => ({
    items: await describeMigrations(database, await requireEnvironment(database, params)),
    next: null,
  }),

  planMigrations: async (services, { params }) => ({
    items: await planMigrations(services, await requireEnvironment(services.database, params)),
    next: null,
  }),

  steerMigration: async ({ database, hints }, { params, id }) => {
    const environment = await requireEnvironment(database, params);
    const row = await requireMigration(
      environment,
      await migrationsOf(database, environment.id),
      params.version,
    );
    const { verb } = params;
    const decided = decide(row.data, { kind: verb }, Date.now());
    if (!decided.ok) throw new HoldfastError('migrationRefused', decided.refusal.sentence);
    const use = await schemaUse(database, environment);
    if (verb === 'abort') checkNobodyNeeds(row, use);
    await database.transaction(async (sql) => {
      await requestOfMigration(
        sql,
        { environmentId: environment.id, version: row.version },
        { id, kind: verb },
      );
      await reviveDuty(sql, 'migrations', environment.id);
      await hastenDuty(sql, 'migrations', environment.id);
    });
    hints.send('duty');
    const wish = wishOf(row.data, use);
    const waits = verb === 'contract' && wish.hindrance !== null ? `; it waits: ${wish.hindrance}` : '';
    return { did: `migration ${labelOf(row.data)} of ${nameOf(environment)}: ${verb}${waits}` };
  },
};

function checkNobodyNeeds({ version, data }: MigrationRow, { users }: SchemaUse): void {
  const needs = users.find((user) => isNeededBy(user, version));
  if (!needs) return;
  throw new HoldfastError(
    'migrationRefused',
    `release ${needs.number} needs migration ${labelOf(data)}; roll back or abort its rollout first`,
  );
}

async function requireMigration(
  environment: EnvironmentRow,
  rows: readonly MigrationRow[],
  version: number,
): Promise<MigrationRow> {
  const row = rows.find((candidate) => candidate.version === version);
  if (row) return row;
  const known = rows.map(({ data }) => labelOf(data)).join(', ') || 'none';
  throw new HoldfastError(
    'migrationUnknown',
    `${nameOf(environment)} has no migration ${version}, expected one of ${known}`,
  );
}
