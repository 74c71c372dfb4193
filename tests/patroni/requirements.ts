import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { POSTGRES_BINARIES } from './cluster/accounts.ts';

/** What this machine must have. A suite that left something out would pass without having tried it. */
export function missingRequirements(): readonly string[] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return ['root on Linux'];
  const programs = ['patroni', 'patronictl', 'etcd', 'pgbouncer', 'git'];
  return [
    ...programs.filter((name) => spawnSync('which', [name]).status !== 0),
    ...(existsSync(POSTGRES_BINARIES) ? [] : [POSTGRES_BINARIES]),
  ].map((part) => `${part} (Debian: patroni, etcd-server, pgbouncer, postgresql-15, git)`);
}
