import type { Node, RangeVar } from '@pgsql/types';
import { relationName } from '../sql/names.ts';
import { type Effects, effects, lock } from './effect.ts';

/** Queries and changes of rows: weak locks on what they name. */
export interface QueryShape {
  readonly fromClause?: Node[];
  readonly lockingClause?: Node[];
  readonly withClause?: { readonly ctes?: Node[] };
}

/** FOR UPDATE locks rows of what it names, or of everything that is read. */
export function query({ fromClause, lockingClause, withClause }: QueryShape): Effects {
  const locking = (lockingClause ?? []).flatMap((node) =>
    'LockingClause' in node ? [node.LockingClause] : [],
  );
  const named = locking.flatMap(({ lockedRels }) => rangesIn(lockedRels));
  const isLocked = (name: string) => locking.length > 0 && (named.length === 0 || named.includes(name));
  return effects(
    rangesIn(fromClause)
      .filter((name) => !temporaryIn(withClause).includes(name))
      .map((name) => lock(name, isLocked(name) ? 'ROW SHARE' : 'ACCESS SHARE', { alone: true })),
  );
}

/** The names that WITH gives: no tables. */
function temporaryIn(withClause: QueryShape['withClause']): readonly string[] {
  return (withClause?.ctes ?? []).flatMap((node) =>
    'CommonTableExpr' in node ? [node.CommonTableExpr.ctename ?? ''] : [],
  );
}

export interface ChangeShape {
  readonly relation?: RangeVar;
  readonly whereClause?: Node;
  readonly fromClause?: Node[];
  readonly usingClause?: Node[];
  readonly withClause?: QueryShape['withClause'];
}

export function change(statement: ChangeShape, others: Node[] | undefined): Effects {
  return effects([
    lock(relationName(statement.relation), 'ROW EXCLUSIVE', { alone: true }),
    ...rangesIn(others)
      .filter((name) => !temporaryIn(statement.withClause).includes(name))
      .map((name) => lock(name, 'ACCESS SHARE', { alone: true })),
  ]);
}

export function rangesIn(nodes: readonly Node[] | undefined): readonly string[] {
  return (nodes ?? []).flatMap((node) =>
    'RangeVar' in node
      ? [relationName(node.RangeVar)]
      : 'JoinExpr' in node
        ? rangesIn([node.JoinExpr.larg, node.JoinExpr.rarg].filter((side) => side !== undefined))
        : [],
  );
}

/** Every table that a query reads, wherever in it. */
export function tablesIn(tree: unknown): readonly string[] {
  const temporary = new Set(temporaryNames(tree));
  return namesIn(tree).filter((name) => !temporary.has(name));
}

function namesIn(tree: unknown): readonly string[] {
  if (Array.isArray(tree)) return tree.flatMap(namesIn);
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.entries(tree).flatMap(([kind, inner]) =>
    kind === 'RangeVar' ? [relationName(inner as RangeVar)] : namesIn(inner),
  );
}

function temporaryNames(tree: unknown): readonly string[] {
  if (Array.isArray(tree)) return tree.flatMap(temporaryNames);
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.entries(tree).flatMap(([kind, inner]) =>
    kind === 'ctename' ? [String(inner)] : temporaryNames(inner),
  );
}
