import type { MigrationPlanView } from '@holdfast/contract/api/resources.ts';
import { formatDuration } from '@holdfast/core/kernel/quantity.ts';
import { labelOf, type Migration } from '@holdfast/core/migration/migration.ts';
import type { Rehearsal } from './rehearse.ts';

/** Rows a second of a backfill that nobody slows down; what was measured is shown while it runs. */
const ROWS_PER_SECOND = 30_000;

/** For people: what a change would do. `hindrance`: what its contract phase waits for; null: nothing is known. */
export function describePlan(
  { version, name }: Pick<Migration, 'version' | 'name'>,
  { steps, findings, problem }: Rehearsal,
  hindrance: string | null,
): MigrationPlanView {
  const filled = steps.filter(({ phase }) => phase === 'backfill').map((step) => step.rows ?? 0);
  const rows = filled.reduce((sum, each) => sum + each, 0);
  const time = formatDuration((rows / ROWS_PER_SECOND) * 1_000);
  const contracts = steps.some(({ phase }) => phase === 'contract');
  const label = labelOf({ version, name });
  const waits = hindrance === null ? '' : `; it waits: ${hindrance}`;
  const noReturn = contracts
    ? `The point of no return is the contract phase of ${label}${waits}.`
    : 'It takes nothing away: there is no point of no return.';
  return {
    version,
    name,
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
            `The backfill goes over ${rows.toLocaleString('en')} rows, about ${time} when nothing slows it down.`,
          ]
        : []),
      ...(problem === null ? [noReturn] : []),
    ],
  };
}
