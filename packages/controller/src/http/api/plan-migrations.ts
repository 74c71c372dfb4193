import type { MigrationPlanView } from '@holdfast/contract/api/resources.ts';
import { formatDuration } from '@holdfast/core/kernel/quantity.ts';
import { labelOf } from '@holdfast/core/migration/migration.ts';
import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import { openMysql } from '@holdfast/migration/mysql/mysql-session.ts';
import { rehearseMysql } from '@holdfast/migration/mysql/rehearse-mysql.ts';
import { type Rehearsal, rehearse } from '@holdfast/migration/plan/rehearse.ts';
import { type MigrationRow, migrationsOf, sourceOf } from '@holdfast/postgres/migration/migration-store.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { nameOf } from '../../environments/gather.ts';
import { schemaUse, wishOf } from '../../migrations/schema-users.ts';
import { openAnyTarget } from '../../migrations/target-database.ts';
import type { Services } from '../../services.ts';

/** Rows a second of a backfill that nobody slows down; what was measured is shown while it runs. */
const ROWS_PER_SECOND = 30_000;

/** Asked of the live database: what each change that is not done would do to it. */
export async function planMigrations(
  services: Services,
  environment: EnvironmentRow,
): Promise<MigrationPlanView[]> {
  const { database } = services;
  const open = (await migrationsOf(database, environment.id)).filter(({ data }) => data.state !== 'done');
  const use = await schemaUse(database, environment);
  if (open.length === 0 || use.owner === null) return [];
  const target = await openAnyTarget(services, use.owner, `plan of ${nameOf(environment)}`);
  const plans = async (look: (source: MigrationSource) => Promise<Rehearsal>) => {
    const found: MigrationPlanView[] = [];
    for (const row of open)
      found.push(planOf(row, await look(await sourceOf(database, row)), wishOf(row.data, use).hindrance));
    return found;
  };
  if ('mysql' in target) {
    const session = await openMysql(target.mysql);
    return plans((source) => rehearseMysql(session, source)).finally(() => session.close());
  }
  const { session } = target;
  return plans((source) => rehearse(session, source)).finally(() => session.close());
}

function planOf(
  { data }: MigrationRow,
  { steps, findings, problem }: Rehearsal,
  hindrance: string | null,
): MigrationPlanView {
  const rows = Math.max(
    0,
    ...steps.filter(({ phase }) => phase === 'backfill').map((step) => step.rows ?? 0),
  );
  const contract = steps.filter(({ phase }) => phase === 'contract');
  return {
    version: data.version,
    name: data.name,
    steps: steps.map((step) => ({
      ...step,
      sql: [...step.sql],
      locks: step.locks.map((lock) => ({ ...lock })),
    })),
    findings: findings.map(({ severity, rule, message, place }) => ({
      severity,
      rule,
      message,
      place: `${place.file}:${place.line}:${place.column}`,
    })),
    sentences: [
      ...(problem === null ? [] : [problem]),
      ...(rows > 0
        ? [
            `The backfill goes over ${rows.toLocaleString('en')} rows, about ${formatDuration((rows / ROWS_PER_SECOND) * 1_000)} when nothing slows it down.`,
          ]
        : []),
      contract.length > 0
        ? `The point of no return is the contract phase of ${labelOf(data)}${hindrance === null ? '' : `; it waits: ${hindrance}`}.`
        : 'It takes nothing away: there is no point of no return.',
    ],
  };
}
