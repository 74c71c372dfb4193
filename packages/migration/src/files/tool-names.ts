import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { SourceFile } from '@holdfast/core/migration/source.ts';

/** How other tools name a file that changes a schema. */
export interface NamedFile {
  readonly version: number;
  readonly name: string;
  /** Only the way up. */
  readonly text: string;
  /** What its digest is of: as 0.3 began to count it, before it knew where goose and dbmate cut. */
  readonly digested: string;
}

/** Each part of a dotted Flyway version gets so many places. */
const PART = 1_000;

export function readFileName(name: string, file: SourceFile, dotted: boolean): NamedFile | 'ignored' {
  // The way down of golang-migrate, undo files of Flyway, and whatever is no SQL.
  if (/\.down\.sql$/.test(name) || /^U\d.*\.sql$/i.test(name) || !/\.(?:sql|[cm]?js|ts)$/.test(name))
    return 'ignored';
  if (/^R__.*\.sql$/i.test(name))
    return refuse(file, 'repeatable migrations are not supported: a release could not say which it needs');
  if (!name.endsWith('.sql'))
    return refuse(file, 'migrations written in a program are not supported; write its SQL');
  const flyway = /^V(\d+(?:[._]\d+)*)__(.+)\.sql$/i.exec(name);
  if (flyway)
    return {
      version: flywayVersion(flyway[1] ?? '', dotted),
      name: clean(flyway[2] ?? ''),
      text: file.text,
      digested: file.text,
    };
  const numbered = /^(\d{1,15})[_-](.+?)(?:\.up)?\.sql$/.exec(name);
  if (numbered)
    return {
      version: Number(numbered[1]),
      name: clean(numbered[2] ?? ''),
      text: cutAt(file.text, /^--\s*(?:Down Migration\b|\+goose\s+Down\b|migrate:down\b)/im),
      digested: cutAt(file.text, /^--\s*Down Migration\b/im),
    };
  return refuse(
    file,
    'expected a name such as 0007_name.sql (node-pg-migrate, golang-migrate) or V7__name.sql (Flyway)',
  );
}

function refuse(file: SourceFile, why: string): never {
  throw new HoldfastError('migrationInvalid', `${file.path}: ${why}`);
}

function clean(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_-]+/g, '_').slice(0, 80);
}

function flywayVersion(text: string, dotted: boolean): number {
  const parts = text.split(/[._]/).map(Number);
  if (!dotted) return parts[0] ?? 0;
  const [major = 0, minor = 0, patch = 0] = parts;
  return (major * PART + minor) * PART + patch;
}

/** node-pg-migrate, goose and dbmate keep both ways in one file, the way up first. */
function cutAt(text: string, pattern: RegExp): string {
  const down = pattern.exec(text);
  return down ? text.slice(0, down.index) : text;
}
