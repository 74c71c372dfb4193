import type { AlterTableCmd, Node, PartitionBoundSpec, PartitionCmd } from '@pgsql/types';
import type { Catalog, TableFacts } from '../catalog/catalog.ts';
import { relationName } from '../sql/names.ts';
import { type Effect, lock } from './effect.ts';
import { constantText, isProvedInRange } from './proofs.ts';

/** ATTACH and DETACH PARTITION: the parent, the child, the default partition, and the other ends of foreign keys. */
export function partitionOf(def: Node | undefined): PartitionCmd | null {
  return def && 'PartitionCmd' in def ? def.PartitionCmd : null;
}

export function attach(table: string, command: AlterTableCmd, catalog: Catalog): readonly Effect[] {
  const partition = partitionOf(command.def);
  const child = relationName(partition?.name);
  const [parent, facts] = [catalog.table(table), catalog.table(child)];
  const foreign = referencedBy(parent);
  const quick =
    isWithinBounds(parent, facts, partition?.bound) && foreign.length === 0 && hasIndexesOf(parent, facts);
  const rest = parent?.defaultPartition;
  return [
    lock(table, 'SHARE UPDATE EXCLUSIVE', { alone: true }),
    lock(child, 'ACCESS EXCLUSIVE', { scan: !quick }),
    ...foreign.map((name) => lock(name, 'SHARE ROW EXCLUSIVE', { scan: true })),
    ...(rest ? [lock(rest, 'ACCESS EXCLUSIVE', { scan: true })] : []),
  ];
}

function isWithinBounds(
  parent: TableFacts | null,
  child: TableFacts | null,
  bound: PartitionBoundSpec | undefined,
): boolean {
  const key = /\(("?)(\w+)\1\)$/.exec(parent?.partitionKey ?? '')?.[2];
  const [from, to] = [bound?.lowerdatums, bound?.upperdatums].map((datums) =>
    datums?.length === 1 ? constantText(datums[0]) : null,
  );
  return (
    key !== undefined &&
    typeof from === 'string' &&
    typeof to === 'string' &&
    isProvedInRange(child, { key, from, to })
  );
}

/** What the parent has and the child has not is built. */
function hasIndexesOf(parent: TableFacts | null, child: TableFacts | null): boolean {
  return (parent?.indexes ?? []).every((index) =>
    child?.indexes.some(
      ({ valid, unique, partial, columns }) =>
        valid && !partial && unique === index.unique && columns.join() === index.columns.join(),
    ),
  );
}

export function detach(table: string, command: AlterTableCmd, catalog: Catalog): readonly Effect[] {
  const partition = partitionOf(command.def);
  const child = relationName(partition?.name);
  if (partition?.concurrent)
    return [lock(table, 'SHARE UPDATE EXCLUSIVE', { alone: true }), lock(child, 'ACCESS EXCLUSIVE')];
  const parent = catalog.table(table);
  const referring = catalog.referencing(table).map((entry) => entry.table);
  const rest = parent?.defaultPartition;
  return [
    lock(table, 'ACCESS EXCLUSIVE', { alone: true }),
    lock(child, 'ACCESS EXCLUSIVE', { scan: referring.length > 0 }),
    ...(rest ? [lock(rest, 'ACCESS EXCLUSIVE')] : []),
    ...referencedBy(parent).map((name) => lock(name, 'SHARE ROW EXCLUSIVE')),
    ...referring.map((name) => lock(name, 'ACCESS EXCLUSIVE', { scan: true })),
  ];
}

export function referencedBy(facts: TableFacts | null): readonly string[] {
  return (facts?.constraints ?? []).flatMap(({ references }) => (references ? [references] : []));
}
