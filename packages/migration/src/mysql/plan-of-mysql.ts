import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { MigrationSource, PhaseFile } from '@holdfast/core/migration/source.ts';
import type { Finding } from '../lint/finding.ts';
import { type MysqlStatement, readMysql } from './statements.ts';

/** Statements of one change by the phases that they run in. Data is changed by the app, not here. */
export type MysqlPhase = 'expand' | 'contract' | 'abort';
export type MysqlPlan = { readonly [phase in MysqlPhase]: readonly MysqlStatement[] };

export function planOfMysql({ files, form }: MigrationSource): MysqlPlan {
  const [first] = files;
  if (form === 'declared')
    throw new HoldfastError(
      'migrationInvalid',
      `${first?.path}: changes are declared for PostgreSQL only; expected expand.sql and contract.sql for MySQL and MariaDB`,
    );
  const backfill = files.find(({ phase }) => phase === 'backfill');
  if (backfill)
    throw new HoldfastError(
      'migrationInvalid',
      `${backfill.path}: rows are not changed in MySQL and MariaDB; expected expand.sql, contract.sql or abort.sql`,
    );
  const of = (...phases: readonly PhaseFile['phase'][]) =>
    files.filter(({ phase }) => phases.includes(phase)).flatMap(({ path, text }) => readMysql(path, text));
  return { expand: of('expand', 'plain'), contract: of('contract'), abort: of('abort') };
}

interface MysqlRule {
  readonly name: string;
  readonly why: string;
  /** null: not this one. */
  find(statement: MysqlStatement, phase: MysqlPhase): string | null;
}

const WORDS = String.raw`[\w$\u0080-\uffff]`;
/** DROP and RENAME of anything but keys and what belongs to them. */
const TAKES_AWAY = [
  new RegExp(
    String.raw`\bDROP (?:COLUMN |(?:IF EXISTS )?(?!(?:COLUMN|INDEX|KEY|PRIMARY|FOREIGN|CONSTRAINT|CHECK|DEFAULT|IF)\b)${WORDS})`,
    'iu',
  ),
  /\bRENAME(?! (?:INDEX|KEY)\b)/i,
  /\bCHANGE\b/i,
  /\b(?:TRUNCATE|DISCARD|EXCHANGE|CONVERT|COALESCE|REORGANIZE|REMOVE) (?:PARTITION|PARTITIONING|TABLESPACE)\b/i,
  /\bENGINE\b/i,
];

/** What is seen in the text alone. What a change does to columns and keys is seen on an empty table (probe.ts). */
export const MYSQL_RULES: readonly MysqlRule[] = [
  {
    name: 'mysql-takes-away',
    why: 'The release that still runs reads and writes what would be gone.',
    find: ({ kind, bare, table }, phase) => {
      if (phase !== 'expand') return null;
      if (kind === 'drop') return `DROP TABLE ${table} belongs into contract.sql`;
      const found = TAKES_AWAY.map((pattern) => pattern.exec(bare)?.[0]).find((text) => text !== undefined);
      return kind === 'alter' && found
        ? `${found.split(' ')[0]?.toUpperCase()} in ${table} belongs into contract.sql, or into two changes`
        : null;
    },
  },
  {
    name: 'mysql-foreign-key',
    why: 'With its check it copies the table while nobody may write; without it, rows that break it stay.',
    find: ({ bare, kind }) =>
      kind === 'alter' && /\bREFERENCES\b/i.test(bare)
        ? 'a foreign key cannot be added to a table in use'
        : null,
  },
  {
    name: 'mysql-lock',
    why: 'The server is asked for the way that keeps nobody out; another one may copy the table while nobody can write.',
    find: ({ bare, kind }) =>
      kind === 'alter' && /\b(?:ALGORITHM|LOCK)\b ?=? ?\w/i.test(bare)
        ? 'leave the way to the server and to Holdfast: expected no ALGORITHM and no LOCK'
        : null,
  },
  {
    name: 'mysql-rename-column',
    why: 'pt-online-schema-change copies no column whose name changes: its values would be gone.',
    find: ({ bare, kind }) =>
      kind === 'alter' && /\bRENAME COLUMN\b/i.test(bare) && bare.includes(',')
        ? 'RENAME COLUMN stands alone in its statement, so that it is done without a copy'
        : null,
  },
];

export function lintMysql(source: MigrationSource): readonly Finding[] {
  const plan = planOfMysql(source);
  return (['expand', 'contract'] as const).flatMap((phase) =>
    plan[phase].flatMap((statement) =>
      MYSQL_RULES.flatMap((rule) => {
        const message = rule.find(statement, phase);
        return message === null ? [] : [findingOf(rule, statement, message)];
      }),
    ),
  );
}

function findingOf({ name, why }: MysqlRule, statement: MysqlStatement, message: string): Finding {
  const accepted = statement.accepted.find(({ rule }) => rule === name);
  return {
    rule: name,
    severity: 'error',
    place: statement.place,
    statement: statement.text,
    message,
    why,
    locks: [],
    table: null,
    instead: null,
    accepted: accepted?.reason || null,
  };
}
