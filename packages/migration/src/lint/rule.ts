import type { AlterTableCmd } from '@pgsql/types';
import type { Catalog } from '../catalog/catalog.ts';
import { altered } from '../effects/alter-table.ts';
import type { Effects } from '../effects/effect.ts';
import { relationName } from '../sql/names.ts';
import { type Statement, statementAs } from '../sql/statement.ts';

/**
 * One way to hurt a database in use. The page of each rule (docs/reference/lint) is written from
 * what is said here, and its examples are run by the tests: `bad` must be found, `good` must not.
 */
export interface Rule {
  readonly name: string;
  readonly severity: Severity;
  readonly title: string;
  /** What happens to those who use the table meanwhile, and when. */
  readonly why: string;
  readonly bad: string;
  readonly good: string;
  /** Where `good` stands, when it is not the expand phase. */
  readonly goodPhase?: Phase;
  find(context: RuleContext): Found | null;
}

export type Severity = 'error' | 'warning' | 'note';

/** plain: a file of another tool, run as it is before the new release starts. */
export const PHASES = ['expand', 'backfill', 'contract', 'plain'] as const;
export type Phase = (typeof PHASES)[number];

export interface RuleContext {
  readonly statement: Statement;
  readonly effects: Effects;
  readonly catalog: Catalog;
  readonly phase: Phase;
  /** Of the same file, in order. */
  readonly before: readonly Statement[];
}

export interface Found {
  readonly message: string;
  readonly relation: string | null;
  /** It is no matter of time: on a small table it does the same harm. */
  readonly anySize?: true;
  /** The same change without the harm, by phases. */
  readonly instead?: Rewrite;
}

export interface Rewrite {
  readonly expand?: readonly string[];
  readonly backfill?: readonly string[];
  readonly contract?: readonly string[];
}

/** The first subcommand of an ALTER TABLE that the callback finds something in. */
export function inAlterTable(
  context: RuleContext,
  subtype: AlterTableCmd['subtype'],
  find: (command: AlterTableCmd, table: string) => Found | null,
): Found | null {
  const statement = statementAs(context.statement, 'AlterTableStmt');
  if (!statement || statement.objtype === 'OBJECT_INDEX') return null;
  const table = relationName(statement.relation);
  const commands = altered(statement);
  for (const command of commands) {
    const found = command.subtype === subtype ? find(command, table) : null;
    if (found) return commands.length === 1 ? found : withoutRewrite(found);
  }
  return null;
}

/** A rewrite of one subcommand would leave the others out. */
function withoutRewrite({ instead, ...found }: Found): Found {
  const hint = 'give each subcommand a statement of its own, and how to change it is said';
  return instead ? { ...found, message: `${found.message}; ${hint}` } : found;
}
