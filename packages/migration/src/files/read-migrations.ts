import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { MigrationSource, PhaseFile, SourceFile } from '@holdfast/core/migration/source.ts';
import { readFileName } from './tool-names.ts';

/**
 * A folder of schema changes, whichever tool it was written for. Ours has a folder a change, with
 * expand.sql, backfill.sql and contract.sql, or one migration.yaml; other tools have a file a change.
 */
const OWN_FILES: Readonly<Record<string, PhaseFile['phase']>> = {
  'expand.sql': 'expand',
  'backfill.sql': 'backfill',
  'contract.sql': 'contract',
  'abort.sql': 'abort',
  'migration.yaml': 'declaration',
  'migration.yml': 'declaration',
};

/** In order of their versions. Two of one version, and what no tool names so, are errors. */
export function readMigrations(folder: string, files: readonly SourceFile[]): readonly MigrationSource[] {
  const root = posix.normalize(`${folder}/`).replace(/\/+$/, '');
  const own = files
    .map((file) => ({ ...file, path: posix.normalize(file.path) }))
    .filter(({ path }) => root === '.' || path.startsWith(`${root}/`))
    .map((file) => ({ file, rest: path(file, root) }));
  const foldered = Map.groupBy(
    own.filter(({ rest }) => rest.includes('/')),
    ({ rest }) => rest.split('/')[0] as string,
  );
  const plain = own.filter(({ rest }) => !rest.includes('/'));
  const dotted = plain.some(({ rest }) => /^V\d+[._]\d+.*__/i.test(rest));
  const found = [
    ...[...foldered].map(([name, entries]) => readFolder(`${root}/${name}`, entries)),
    ...plain.flatMap(({ file, rest }) => readFile(file, rest, dotted)),
  ].sort((one, other) => one.version - other.version);
  for (const [at, one] of found.entries()) checkUnique(one, found[at + 1]);
  return found;
}

function path({ path: whole }: SourceFile, root: string): string {
  return root === '.' ? whole : whole.slice(root.length + 1);
}

function checkUnique(one: MigrationSource, next: MigrationSource | undefined): void {
  if (next?.version !== one.version) return;
  const paths = [one, next].map(({ files }) => files[0]?.path).join(' and ');
  throw new HoldfastError(
    'migrationInvalid',
    `${paths} have the same version ${one.version}; give the newer one the next number`,
  );
}

interface OwnFile {
  readonly file: SourceFile;
  readonly rest: string;
}

function readFolder(folder: string, entries: readonly OwnFile[]): MigrationSource {
  const [, digits, name] = /\/(\d{1,15})[_-]([A-Za-z0-9_-]+)$/.exec(folder) ?? [];
  if (!digits || !name || Number(digits) < 1)
    throw new HoldfastError('migrationInvalid', `${folder}: expected a folder such as 0007_rename_email`);
  const files = entries.map(({ file, rest }): PhaseFile => {
    const phase = OWN_FILES[rest.split('/').slice(1).join('/')];
    if (phase) return { ...file, phase };
    const expected = Object.keys(OWN_FILES).join(', ');
    throw new HoldfastError('migrationInvalid', `${file.path}: expected one of ${expected}`);
  });
  const declared = files.filter(({ phase }) => phase === 'declaration');
  if (declared.length > 0 && files.length > 1)
    throw new HoldfastError(
      'migrationInvalid',
      `${folder}: migration.yaml says it all; expected no SQL files beside it`,
    );
  return sourceOf({
    version: Number(digits),
    name,
    form: declared.length > 0 ? 'declared' : 'phases',
    files,
  });
}

function readFile(file: SourceFile, rest: string, dotted: boolean): readonly MigrationSource[] {
  const named = readFileName(rest, file, dotted);
  if (named === 'ignored') return [];
  const { version, name, text, digested } = named;
  const files: readonly PhaseFile[] = [{ ...file, text, phase: 'plain' }];
  const digest = digestOf([{ text: digested, phase: 'plain' }]);
  return [{ version, name, form: 'plain', files, digest }];
}

function sourceOf(of: Omit<MigrationSource, 'digest'>): MigrationSource {
  return { ...of, digest: digestOf(of.files) };
}

function digestOf(files: readonly Pick<PhaseFile, 'phase' | 'text'>[]): string {
  const digest = createHash('sha256');
  for (const { phase, text } of [...files].sort((a, b) => a.phase.localeCompare(b.phase)))
    digest.update(`${phase}\0${text.length}\0${text}\0`);
  return digest.digest('hex');
}
