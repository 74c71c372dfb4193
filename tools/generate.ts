import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openApi } from '@holdfast/contract/api/openapi.ts';
import { environment, singleApp } from '@holdfast/contract/config/holdfast-yaml.ts';
import { ERRORS, KINDS } from '@holdfast/contract/errors.ts';
import { unknownCatalog } from '@holdfast/migration/catalog/catalog.ts';
import { declaration } from '@holdfast/migration/declare/changes-yaml.ts';
import { blockedBy } from '@holdfast/migration/effects/effect.ts';
import { effectsOf } from '@holdfast/migration/effects/effects-of.ts';
import type { Rule } from '@holdfast/migration/lint/rule.ts';
import { RULES } from '@holdfast/migration/lint/rules.ts';
import { loadParser, parseSql } from '@holdfast/migration/sql/parse-sql.ts';
import { z } from 'zod';
import { VERSION } from '../packages/controller/src/version.ts';

/**
 * Writes what derives from declarations: docs/reference/. With --check it only compares, and says
 * which file is not what it would write.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const check = process.argv.includes('--check');
const stale: string[] = [];

await loadParser();
write('docs/reference/errors.md', errorsPage());
write('docs/reference/openapi.json', `${JSON.stringify(openApi(VERSION), null, 2)}\n`);
write('docs/reference/holdfast.schema.json', `${JSON.stringify(schemaOf(singleApp), null, 2)}\n`);
write('docs/reference/config.md', configPage());
for (const rule of RULES) write(`docs/reference/lint/${rule.name}.md`, rulePage(rule));
write('docs/reference/lint/README.md', rulesPage());
write('docs/reference/migration.schema.json', `${JSON.stringify(schemaOf(declaration), null, 2)}\n`);

if (stale.length > 0) {
  process.stderr.write(`not what the declarations say: ${stale.join(', ')}\nrun: npm run generate\n`);
  process.exit(1);
}

function write(file: string, text: string): void {
  const path = join(root, file);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  if (check) return void stale.push(file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  process.stdout.write(`wrote ${file}\n`);
}

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { kind, meaning, remedy }]) =>
      `| \`${code}\` | ${KINDS[kind].status} | ${KINDS[kind].exit} | ${escapeCell(meaning)} | ${escapeCell(remedy)} |`,
  );
  return `# Errors

Every operational error has a stable code. The command line prints its sentence and what to do next and ends with
the exit code; the API answers problem+json (RFC 9457) with the status. Generated from
\`packages/contract/src/errors.ts\` by \`npm run generate\`.

| code | status | exit | meaning | what to do |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

function rulePage({ name, title, why, severity, bad, good, goodPhase }: Rule): string {
  const locks = parseSql('', bad).flatMap((statement) =>
    effectsOf(statement, unknownCatalog()).on.map(({ relation, lock, rewrite, scan }) => {
      const work = rewrite ? ', and all of it is written anew' : scan ? ', and all of it is read' : '';
      const blocked = blockedBy(lock);
      return `\`${relation}\`: ${lock}${work}${blocked ? `; ${blocked} wait` : '; nobody waits'}`;
    }),
  );
  return `# ${name}

${title}. Severity: ${severity}.

${why}

## Bad

\`\`\`sql
${bad}
\`\`\`

## Good${goodPhase ? `, in the ${goodPhase} phase` : ''}

\`\`\`sql
${good}
\`\`\`

## The lock of the bad one

${locks.length > 0 ? locks.map((line) => `- ${line}`).join('\n') : 'None on a table in use.'}

Where nothing is known of the table, the worst is assumed; \`holdfast migrate lint --database URL\` asks. To accept a finding, write
\`-- holdfast-accept ${name}: REASON\` above the statement. Generated from \`packages/migration/src/lint/rules/${name}.ts\`, whose
examples the tests run; what each statement locks is compared with PostgreSQL 15 and 18 by \`tests/lock-oracle\`.
`;
}

function rulesPage(): string {
  const rows = RULES.map(({ name, severity, title }) => `| [${name}](${name}.md) | ${severity} | ${title} |`);
  return `# What holdfast migrate lint finds

Each rule with its bad and its good example, and the lock. An error stops a schema change before its first statement, unless it is
accepted with a reason; on a table that is small (asked of the live database) it is only a note. Those of
[MySQL and MariaDB](mysql.md) have a page of their own.

| rule | severity | what |
|---|---|---|
${rows.join('\n')}
`;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('${{', '$\\{{');
}

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly not?: unknown;
}

function schemaOf(type: z.ZodType): Schema {
  return z.toJSONSchema(type, { io: 'input', unrepresentable: 'any' }) as Schema;
}

function configPage(): string {
  const rows = rowsOf(schemaOf(environment), '');
  return `# holdfast.yaml

Read from the commit that is being run, and frozen with the release. \`version: 1\`, \`app: NAME\`, and under
\`environments\` any number of environments with the keys below; \`mirrors: OTHER\` means the same as another one but
for what it says itself. Several apps: a list \`apps\` of \`app\` and \`environments\`. Unknown keys, wrong units and
impossible values are errors with line and column. For editors: \`docs/reference/holdfast.schema.json\`.
Generated from \`packages/contract/src/config/holdfast-yaml.ts\` by \`npm run generate\`.

| key | default | meaning |
|---|---|---|
${rows.join('\n')}
`;
}

function rowsOf(schema: Schema, path: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const here = path === '' ? name : `${path}.${name}`;
    if (property.not !== undefined || Object.keys(property).length === 0) return [];
    if (property.properties) return rowsOf(property, here);
    const fallback = property.default === undefined ? '' : `\`${JSON.stringify(property.default)}\``;
    const kind = property.enum
      ? property.enum.map((member) => `\`${member}\``).join(', ')
      : property.examples
        ? `such as \`${property.examples[0]}\``
        : (property.type ?? '');
    const row = `| \`${here}\` | ${fallback} | ${[property.description, kind].filter(Boolean).join(' ')} |`;
    return [row, ...shapesOf(property).flatMap((shape) => rowsOf(shape, `${here}[]`))];
  });
}

/** Of a list, what its members look like where they have keys of their own. */
function shapesOf({ items }: Schema): readonly Schema[] {
  return [items, ...(items?.anyOf ?? [])].flatMap((shape) => (shape?.properties ? [shape] : []));
}
