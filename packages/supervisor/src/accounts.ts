import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * As root, PostgreSQL and users' steps run as accounts of their own, so that a step reads neither
 * the database nor a token. Made once where useradd is; elsewhere what is there has to do.
 */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export function ensureAccount(name: string): Account | null {
  if (process.getuid?.() !== 0) return null;
  return findAccount(name) ?? makeAccount(name);
}

function makeAccount(name: string): Account | null {
  spawnSync(
    'useradd',
    [
      '--system',
      '--no-create-home',
      '--home-dir',
      '/nonexistent',
      '--shell',
      '/usr/sbin/nologin',
      '--',
      name,
    ],
    { stdio: 'ignore' },
  );
  return findAccount(name) ?? findAccount('nobody');
}

function findAccount(name: string): Account | null {
  const row = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[0] === name);
  return row ? { uid: Number(row[2]), gid: Number(row[3]) } : null;
}
