import { readFileSync } from 'node:fs';
import { HoldfastError } from '@holdfast/contract/errors.ts';

/** Who runs PostgreSQL and steps: as root an unprivileged account, else ourselves. */
export interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

/** initdb asks /etc/passwd for its uid, so a free number does not do; an existing account does. */
const CANDIDATES = ['holdfast-pg', 'postgres', 'nobody'];

export function pickOwner(isRoot: boolean, passwd = readFileSync('/etc/passwd', 'utf8')): Owner {
  if (!isRoot) return {};
  const rows = passwd.split('\n').map((line) => line.split(':'));
  for (const name of CANDIDATES) {
    const row = rows.find((fields) => fields[0] === name && fields[2] !== '0');
    if (row) return { uid: Number(row[2]), gid: Number(row[3]) };
  }
  throw new HoldfastError(
    'databaseFailed',
    `PostgreSQL does not run as root and none of the accounts ${CANDIDATES.join(', ')} exists; make one with: useradd --system --no-create-home holdfast-pg`,
  );
}
