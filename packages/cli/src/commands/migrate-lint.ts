import { globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import { unknownCatalog } from '@holdfast/migration/catalog/catalog.ts';
import { readCatalog } from '@holdfast/migration/catalog/read-catalog.ts';
import { readDeclaration } from '@holdfast/migration/declare/plan-of-changes.ts';
import { openSession, type Session } from '@holdfast/migration/execute/session.ts';
import { readMigrations } from '@holdfast/migration/files/read-migrations.ts';
import { type Finding, hinders } from '@holdfast/migration/lint/finding.ts';
import { lintPlan, lintSource } from '@holdfast/migration/lint/lint-source.ts';
import { sarifReport } from '@holdfast/migration/lint/report/sarif.ts';
import { textReport } from '@holdfast/migration/lint/report/text.ts';
import { type TracedLock, trace } from '@holdfast/migration/lint/trace.ts';
import { isMysqlUrl } from '@holdfast/migration/mysql/mysql-session.ts';
import { lintMysql } from '@holdfast/migration/mysql/plan-of-mysql.ts';
import { planMigration } from '@holdfast/migration/plan/plan-migration.ts';
import { loadParser, parseSql } from '@holdfast/migration/sql/parse-sql.ts';
import { type Command, Option } from 'commander';
import { globals } from '../connection.ts';
import { ExitWith } from '../terminal/exit-with.ts';
import { printJson, say } from '../terminal/output.ts';

interface LintOptions {
  readonly format?: string;
  readonly database?: string;
  readonly trace?: boolean;
  readonly server: string;
  readonly since?: string;
}

/** Needs no controller: files, and a database where one is given. */
export function addMigrateLint(migrate: Command): void {
  migrate
    .command('lint')
    .argument('[path]', 'folder of schema changes, or one file of SQL', 'db/migrations')
    .description('what a schema change would lock, rewrite or break, and what to write instead')
    .addOption(
      new Option('--format <format>', 'how it is printed').choices(['text', 'json', 'sarif']).default('text'),
    )
    .option('--database <url>', 'ask this database for sizes, types and constraints')
    .option('--trace', 'run the statements there in a transaction that is rolled back, to prove the locks')
    .option(
      '--server <version>',
      'PostgreSQL version, where no database is asked; or mysql, for MySQL and MariaDB',
      '14',
    )
    .option('--since <version>', 'only changes after this version')
    .action(async (path: string, options: LintOptions, command: Command) => {
      const json = globals(command).json === true;
      if (/^(?:mysql|mariadb)/.test(options.server) || isMysqlUrl(options.database ?? '')) {
        if (options.database || options.trace)
          throw new HoldfastError(
            'usageInvalid',
            '--database and --trace ask a PostgreSQL; changes of MySQL and MariaDB are linted from their files alone, with --server mysql',
          );
        const sources = readSources(path, options);
        return refuse(report(sources.flatMap(lintMysql), { sources, options, json }));
      }
      await loadParser();
      const session = options.database
        ? await openSession([options.database], 'holdfast migrate lint')
        : null;
      try {
        await lintAll(readSources(path, options), { options, session, json });
      } finally {
        await session?.close();
      }
    });
}

interface Linting {
  readonly options: LintOptions;
  readonly session: Session | null;
  readonly json: boolean;
}

async function lintAll(
  sources: readonly MigrationSource[],
  { options, session, json }: Linting,
): Promise<void> {
  const catalog = session
    ? await readCatalog(session)
    : unknownCatalog(wholeNumber('server', options.server));
  // Declared changes become SQL by the tables there are; without them they must be readable at least.
  const findings = sources.flatMap((source) => {
    if (source.form !== 'declared') return lintSource(source, catalog);
    for (const file of source.files) readDeclaration(file);
    return session ? lintPlan(source, planMigration(source, catalog, 'lint'), catalog) : [];
  });
  report(findings, { sources, options, json });
  // A document stays one: what was traced is told beside it.
  const tell = json || options.format !== 'text' ? (line: string) => process.stderr.write(`${line}\n`) : say;
  const wrong = options.trace ? await tellTrace(sources, session, tell) : 0;
  refuse(findings);
  if (wrong > 0) throw new ExitWith(1);
}

function refuse(findings: readonly Finding[]): void {
  if (findings.some(hinders)) throw new ExitWith(1);
}

function report(
  findings: readonly Finding[],
  {
    sources,
    options,
    json,
  }: {
    readonly sources: readonly MigrationSource[];
    readonly options: LintOptions;
    readonly json: boolean;
  },
): readonly Finding[] {
  if (json || options.format === 'json') printJson(findings);
  else if (options.format === 'sarif') printJson(sarifReport(findings));
  else say(summary(findings, sources));
  return findings;
}

function summary(findings: readonly Finding[], sources: readonly MigrationSource[]): string {
  const report = textReport(findings);
  const errors = findings.filter(hinders).length;
  const closing = `${sources.length} schema ${sources.length === 1 ? 'change' : 'changes'}, ${findings.length} findings, ${errors} of them errors`;
  return report === '' ? closing : `${report}\n${closing}`;
}

/** How many statements took a stronger lock than was said. */
async function tellTrace(
  sources: readonly MigrationSource[],
  session: Session | null,
  tell: (line: string) => void,
): Promise<number> {
  if (!session)
    throw new HoldfastError(
      'usageInvalid',
      '--trace needs --database URL, of a database where a rolled-back transaction harms nobody',
    );
  const files = sources.flatMap((source) =>
    source.files.filter(({ phase }) => phase === 'expand' || phase === 'plain'),
  );
  const statements = files.flatMap(({ path, text }) => parseSql(path, text));
  const words = (locks: readonly TracedLock[]) =>
    locks.map(({ relation, lock }) => `${lock} on ${relation}`).join(', ');
  const traced = await trace(session, statements);
  for (const { place, seen, unseen, agrees } of traced) {
    const hidden = unseen.length > 0 ? `not to be seen behind an earlier statement: ${words(unseen)}` : '';
    const locks = seen === null ? 'not in a transaction' : words(seen) || hidden || 'no lock on a table';
    tell(`${place.file}:${place.line}: ${agrees ? 'as said' : 'STRONGER than said'}: ${locks}`);
  }
  return traced.filter(({ agrees }) => !agrees).length;
}

/** Of a folder, of one change's folder, or of one file. */
export function readSources(path: string, { since }: Pick<LintOptions, 'since'>): readonly MigrationSource[] {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder === undefined)
    throw new HoldfastError('usageInvalid', `there is no ${path}; name the folder of your schema changes`);
  const own = /\/\d+[_-][^/]*$/.test(path) && isFolder;
  const folder = isFolder ? (own ? dirname(path) : path) : dirname(path);
  const pattern = isFolder ? (own ? `${path}/*` : `${path}/**/*`) : path;
  const files = globSync(pattern)
    .filter((file) => statSync(file).isFile())
    .map((file) => ({ path: join(file), text: readFileSync(file, 'utf8') }));
  const found = readMigrations(join(folder), files);
  if (found.length === 0)
    throw new HoldfastError(
      'usageInvalid',
      `${path} holds no schema change; a check of nothing would pass for ever`,
    );
  const after = since === undefined ? 0 : wholeNumber('since', since);
  return found.filter(({ version }) => version > after);
}

function wholeNumber(option: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new HoldfastError('usageInvalid', `--${option} is a number such as 16, found ${text}`);
}
