import { readFileSync } from 'node:fs';

/** Who runs the databases, where Debian keeps their programs, and who Holdfast is to them. */
export const POSTGRES_BINARIES = '/usr/lib/postgresql/15/bin';
export const PASSWORD = 'pw';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export function postgresAccount(): Account {
  const row = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === 'postgres');
  if (!row) throw new Error('there is no account postgres; Debian makes it with postgresql-15');
  return { uid: Number(row[2]), gid: Number(row[3]) };
}

/** Nothing of the caller's environment leaks into what is measured. */
export const PLAIN_ENVIRONMENT = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin',
  LC_ALL: 'C',
  TZ: 'UTC',
};
