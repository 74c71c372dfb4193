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

/** What no tool can mend afterwards. Losses that a copy makes are found before the cut-over (verify-copy.ts). */
export const MYSQL_RULES: readonly MysqlRule[] = [
  {
    name: 'mysql-takes-away',
    why: 'The release that still runs reads and writes what would be gone.',
    find: ({ kind, text, table }, phase) => {
      if (phase !== 'expand') return null;
      if (kind === 'drop') return `DROP TABLE ${table} belongs into contract.sql`;
      const gone =
        /\b(?:DROP\s+(?:COLUMN\b|`|(?!(?:INDEX|KEY|PRIMARY|FOREIGN|CONSTRAINT|CHECK|DEFAULT|PARTITION)\b)\w)|RENAME\s+(?!INDEX|KEY)|CHANGE\s)/i.exec(
          text,
        );
      return kind === 'alter' && gone
        ? `${gone[0].trim().split(/\s/)[0]?.toUpperCase()} in ${table} belongs into contract.sql, or into two changes`
        : null;
    },
  },
  {
    name: 'mysql-foreign-key',
    why: 'With its check it copies the table while nobody may write; without it, rows that break it stay.',
    find: ({ text, kind }) =>
      kind === 'alter' && /\bADD\s+(?:CONSTRAINT\s+\S+\s+)?FOREIGN\s+KEY\b/i.test(text)
        ? 'a foreign key cannot be added to a table in use'
        : null,
  },
  {
    name: 'mysql-lock',
    why: 'Nobody could write to the table, or read it, while it is copied.',
    find: ({ text, kind }) =>
      kind === 'alter' && /\b(?:ALGORITHM\s*=\s*COPY|LOCK\s*=\s*(?:SHARED|EXCLUSIVE))\b/i.test(text)
        ? 'leave the way to the server and to Holdfast: no ALGORITHM=COPY and no LOCK'
        : null,
  },
  {
    name: 'mysql-rename-column',
    why: 'pt-online-schema-change copies no column whose name changes: its values would be gone.',
    find: ({ text, kind }) =>
      kind === 'alter' && /\bRENAME\s+COLUMN\b/i.test(text) && /,/.test(text)
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
