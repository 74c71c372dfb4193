import { spawnSync } from 'node:child_process';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverBinaries } from '@holdfast/postgres/embedded/binaries.ts';

/** What a figure means nothing without. */
export interface Machine {
  readonly commit: string;
  readonly uncommitted: boolean;
  readonly machine: { readonly [what: string]: string | number };
}

export function describeMachine(): Machine {
  const cores = cpus();
  return {
    commit: firstLine('git', ['rev-parse', 'HEAD']),
    uncommitted: firstLine('git', ['status', '--porcelain', '--', 'packages']) !== '',
    machine: {
      cpu: cores[0]?.model ?? 'unknown',
      cores: cores.length,
      /** Of the last minute; above the number of cores something else was working too. */
      loadAverage: Math.round((loadavg()[0] ?? 0) * 10) / 10,
      node: process.version,
      postgres: firstLine(join(serverBinaries(join(tmpdir(), 'none'), {}), 'postgres'), ['--version']),
    },
  };
}

function firstLine(command: string, args: readonly string[]): string {
  const ran = spawnSync(command, args, { encoding: 'utf8', cwd: import.meta.dirname });
  return ran.status === 0 ? (ran.stdout.split('\n')[0]?.trim() ?? '') : 'unknown';
}
