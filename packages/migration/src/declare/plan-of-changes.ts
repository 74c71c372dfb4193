import { readYaml, validateYaml } from '@holdfast/contract/config/read-yaml.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { type MigrationPlan, NO_STEPS } from '../plan/step.ts';
import * as columns from './changes/column-changes.ts';
import * as tables from './changes/table-changes.ts';
import { CHANGES, type ChangeKind, type ChangeOf, type Declaration, declaration } from './changes-yaml.ts';
import type { Planner, Planning } from './planned-change.ts';

const PLANNERS: { readonly [Kind in ChangeKind]: Planner<ChangeOf<Kind>> } = {
  rename: columns.rename,
  retype: columns.retype,
  split: columns.split,
  merge: columns.merge,
  addColumn: columns.addColumn,
  dropColumn: columns.dropColumn,
  setNotNull: columns.setNotNull,
  addIndex: tables.addIndex,
  dropIndex: tables.dropIndex,
  addCheck: tables.addCheck,
  addForeignKey: tables.addForeignKey,
  addUnique: tables.addUnique,
  dropConstraint: tables.dropConstraint,
  renameTable: tables.renameTable,
  dropTable: tables.dropTable,
};

/** Throws with its place where migration.yaml is not what it should be. */
export function readDeclaration({
  path,
  text,
}: {
  readonly path: string;
  readonly text: string;
}): Declaration {
  return validateYaml(readYaml(path, text), declaration);
}

/** Whether a release of before is in the way of some of it: what only adds is done when it is there. */
export function hasContract({ changes }: Declaration): boolean {
  return !changes.every(({ addIndex, addColumn, addCheck, addForeignKey, addUnique, dropConstraint }) => {
    const bound = addCheck ?? addForeignKey ?? addUnique ?? dropConstraint;
    const plain =
      addColumn && !addColumn.notNull && addColumn.value === undefined && addColumn.default === undefined;
    return addIndex !== undefined || bound?.when === 'expand' || plain === true;
  });
}

/** migration.yaml as steps, by what the database has now. Changes of one file follow each other. */
export function planOfChanges(
  {
    path,
    text,
    version,
    scope,
  }: { readonly path: string; readonly text: string; readonly version: number; readonly scope: string },
  catalog: Catalog,
): MigrationPlan {
  const { changes } = readDeclaration({ path, text });
  const plans = changes.map((change, place) =>
    planOne(change, { catalog, scope, version, place, file: path }),
  );
  const all = (phase: keyof MigrationPlan) => plans.flatMap((plan) => plan[phase] ?? []);
  // What was made last is taken away first.
  return {
    expand: all('expand'),
    backfill: all('backfill'),
    verify: all('verify'),
    contract: all('contract'),
    abort: plans.toReversed().flatMap((plan) => plan.abort ?? []),
  };
}

function planOne(
  change: { readonly [Kind in ChangeKind]?: unknown },
  planning: Planning,
): Partial<MigrationPlan> {
  for (const kind of Object.keys(CHANGES) as ChangeKind[])
    if (change[kind] !== undefined) return PLANNERS[kind](change[kind] as never, planning);
  return NO_STEPS;
}
