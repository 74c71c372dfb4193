import type { EnvironmentConfig } from '@holdfast/contract/config/holdfast-yaml.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { isBegun, labelOf, planned } from '@holdfast/core/migration/migration.ts';
import { rangeOf } from '@holdfast/core/migration/schema-range.ts';
import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import { hasContract, readDeclaration } from '@holdfast/migration/declare/plan-of-changes.ts';
import { readMigrations } from '@holdfast/migration/files/read-migrations.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { ensureDuty, hastenDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { migrationsOf, putMigration } from '@holdfast/postgres/migration/migration-store.ts';
import type { ReleaseSchema } from '@holdfast/postgres/release/release-store.ts';
import type { SchemaFile } from '@holdfast/postgres/run/run-store.ts';

/**
 * What a release's tree says of the schema becomes rows, once a version. A change of which something
 * was done keeps its content: other files under its number are refused.
 */
export async function registerMigrations(
  sql: Queryable,
  environmentId: string,
  {
    config,
    files,
    now,
  }: { readonly config: EnvironmentConfig; readonly files: readonly SchemaFile[]; readonly now: number },
): Promise<ReleaseSchema | null> {
  const { migrations } = config;
  if (!migrations) return null;
  const sources = readMigrations(migrations.path, files);
  const known = new Map((await migrationsOf(sql, environmentId)).map((row) => [row.version, row]));
  for (const source of sources) {
    const row = known.get(source.version)?.data;
    const applied = source.version <= migrations.baseline;
    if (row && isBegun(row) && row.digest !== source.digest) throw changed(source, labelOf(row));
    if (row && (isBegun(row) || (row.digest === source.digest && !applied))) continue;
    const data = planned({ ...source, contracts: contracts(source) }, now);
    await putMigration(sql, environmentId, {
      source,
      data: applied
        ? { ...data, contracts: false, state: 'done', reason: 'below the baseline: another tool applied it' }
        : data,
    });
  }
  await ensureDuty(sql, 'migrations', environmentId);
  await hastenDuty(sql, 'migrations', environmentId);
  return {
    range: rangeOf(
      sources.map(({ version }) => version),
      migrations.schema,
    ),
    versions: sources.map(({ version, digest }) => ({ version, digest })),
  };
}

/** Files of other tools have no contract phase; what is declared may. */
function contracts({ form, files }: MigrationSource): boolean {
  return form === 'declared'
    ? files.some((file) => hasContract(readDeclaration(file)))
    : files.some(({ phase }) => phase === 'contract');
}

function changed({ files }: MigrationSource, label: string): HoldfastError {
  return new HoldfastError(
    'schemaMismatch',
    `migration ${label} was begun with other files than ${files[0]?.path ?? 'those'}: put them back, and write the correction as the next one`,
  );
}
