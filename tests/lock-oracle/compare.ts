import { type Effect, type Effects, isStronger, type LockMode } from '@holdfast/migration/effects/effect.ts';
import type { Observation, Observed } from './observe/observation.ts';

/** UNSOUND: something happens that was not said. OVERCAUTIOUS: something was said that does not happen. */
export interface Mismatch {
  readonly verdict: 'unsound' | 'overcautious';
  readonly what: 'lock' | 'rewrite' | 'scan' | 'outside';
  readonly relation: string;
  readonly claimed: string;
  readonly observed: string;
}

/** Where a statement of some kind shows nothing, or shows what the claim does not speak of. */
export const NOT_OBSERVABLE: readonly {
  readonly kinds: readonly string[];
  readonly what: 'rewrite' | 'scan';
  readonly reason: string;
}[] = [
  {
    kinds: ['TruncateStmt'],
    what: 'rewrite',
    reason: 'it gives the table an empty file: a new one, and nothing is written anew',
  },
  {
    kinds: ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'CopyStmt'],
    what: 'scan',
    reason: 'whether a query reads the whole table is the choice of the planner',
  },
  {
    kinds: ['VacuumStmt'],
    what: 'scan',
    reason: 'VACUUM and ANALYZE read pages without counting rows as read',
  },
];

export function isObservable(kind: string, what: Mismatch['what']): boolean {
  return !NOT_OBSERVABLE.some((entry) => entry.what === what && entry.kinds.includes(kind));
}

export function compare(kind: string, claim: Effects, observation: Observation): readonly Mismatch[] {
  const known = new Set([...observation.on.flatMap(({ names }) => names), ...observation.made]);
  return [
    ...compareOutside(claim, observation),
    ...observation.on.flatMap((observed) => compareRelation(kind, claimOn(claim, observed), observed)),
    ...claim.on.filter(({ relation }) => !known.has(relation)).map(onNothing),
  ];
}

function compareOutside(claim: Effects, { outside }: Observation): readonly Mismatch[] {
  if (claim.outside === outside) return [];
  const verdict = outside ? 'unsound' : 'overcautious';
  const said = (value: boolean) => (value ? 'outside only' : 'in a transaction');
  return [{ verdict, what: 'outside', relation: '', claimed: said(claim.outside), observed: said(outside) }];
}

/** The claims on one relation, under whichever of its names they were made. */
function claimOn({ on }: Effects, { names }: Observed): Effect | null {
  const own = on.filter(({ relation }) => names.includes(relation));
  return own.reduce<Effect | null>(
    (one, other) => ({
      relation: other.relation,
      lock: one && isStronger(one.lock, other.lock) ? one.lock : other.lock,
      rewrite: (one?.rewrite ?? false) || other.rewrite,
      scan: (one?.scan ?? false) || other.scan,
    }),
    null,
  );
}

/** Indexes and sequences: what happens to them is compared only where the claim names them. */
const OF_NO_TABLE = ['i', 'I', 'S'];

/**
 * What a query or a change of rows touches beside what it names (views, functions, triggers, foreign keys),
 * under locks that stop nobody's reads and writes: the linter judges DDL, and does not follow them.
 */
const QUERIES = ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'CopyStmt'];

function isBesideAQuery(kind: string, { lock }: Observed): boolean {
  return QUERIES.includes(kind) && (lock === null || !isStronger(lock, 'ROW EXCLUSIVE'));
}

function compareRelation(kind: string, claim: Effect | null, observed: Observed): readonly Mismatch[] {
  if (!claim && OF_NO_TABLE.includes(observed.kind)) return [];
  if (!claim && isBesideAQuery(kind, observed)) return [];
  const relation = observed.names[0] ?? '';
  const claimed = { rewrite: claim?.rewrite ?? false, scan: claim?.scan ?? false };
  const flags = (['rewrite', 'scan'] as const).filter((what) => isObservable(kind, what));
  return [
    ...compareLocks(relation, claim?.lock ?? null, observed.lock),
    ...flags.flatMap((what): Mismatch[] => {
      const seen = observed[what];
      if (seen === null || seen === claimed[what] || isBesideThePoint(what, claimed, observed)) return [];
      const said = (value: boolean) => (value ? what : `no ${what}`);
      const verdict = seen ? 'unsound' : 'overcautious';
      return [{ verdict, what, relation, claimed: said(claimed[what]), observed: said(seen) }];
    }),
  ];
}

/** A rewrite reads everything anyway, and a read that stops nobody is not spoken of. */
function isBesideThePoint(
  what: 'rewrite' | 'scan',
  claimed: { readonly rewrite: boolean },
  observed: Observed,
): boolean {
  return (
    what === 'scan' &&
    (claimed.rewrite ||
      observed.rewrite === true ||
      observed.lock === null ||
      observed.lock === 'ACCESS SHARE')
  );
}

/** ACCESS SHARE stops only ACCESS EXCLUSIVE; a claim may leave it out. */
function compareLocks(
  relation: string,
  claimed: LockMode | null,
  observed: LockMode | null,
): readonly Mismatch[] {
  if (claimed === observed || (claimed === null && observed === 'ACCESS SHARE')) return [];
  const weaker = claimed === null || (observed !== null && isStronger(observed, claimed));
  return [
    {
      verdict: weaker ? 'unsound' : 'overcautious',
      what: 'lock',
      relation,
      claimed: claimed ?? 'no lock',
      observed: observed ?? 'no lock',
    },
  ];
}

function onNothing({ relation, lock }: Effect): Mismatch {
  return {
    verdict: 'overcautious',
    what: 'lock',
    relation,
    claimed: lock,
    observed: 'there is no such relation',
  };
}
