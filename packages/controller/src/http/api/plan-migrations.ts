import type { MigrationPlanView } from '@holdfast/contract/api/resources.ts';
import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import { openMysql } from '@holdfast/migration/mysql/mysql-session.ts';
import { rehearseMysql } from '@holdfast/migration/mysql/rehearse-mysql.ts';
import { describePlan } from '@holdfast/migration/plan/describe-plan.ts';
import { type Rehearsal, rehearse } from '@holdfast/migration/plan/rehearse.ts';
import { migrationsOf, sourceOf } from '@holdfast/postgres/migration/migration-store.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { nameOf } from '../../environments/gather.ts';
import { schemaUse, wishOf } from '../../migrations/schema-users.ts';
import { openAnyTarget } from '../../migrations/target-database.ts';
import type { Services } from '../../services.ts';

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
      found.push(
        describePlan(row.data, await look(await sourceOf(database, row)), wishOf(row.data, use).hindrance),
      );
    return found;
  };
  if ('mysql' in target) {
    const session = await openMysql(target.mysql);
    return plans((source) => rehearseMysql(session, source)).finally(() => session.close());
  }
  const { session } = target;
  return plans((source) => rehearse(session, source)).finally(() => session.close());
}
