import { spawnSync } from 'node:child_process';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { serverBinaries } from '@holdfast/postgres/embedded/binaries.ts';

/** What a figure means nothing without: the commit and the machine. Benchmarks and suites print it. */
export interface Machine {
  readonly commit: string;
  readonly uncommitted: boolean;
  readonly machine: { readonly [what: string]: string | number | null };
}

export function describeMachine(): Machine {
  const cores = cpus();
  return {
    commit: firstLine('git', ['rev-parse', 'HEAD']) ?? 'unknown',
    uncommitted: (firstLine('git', ['status', '--porcelain', '--', ':/packages']) ?? '') !== '',
    machine: {
      cpu: cores[0]?.model ?? 'unknown',
      cores: cores.length,
      memoryGiB: Math.round(totalmem() / 1024 ** 3),
      /** Of the last minute; above the number of cores something else was working, too. */
      loadAverage: Math.round((loadavg()[0] ?? 0) * 10) / 10,
      node: process.version,
      postgres: postgresVersion(),
    },
  };
}

function postgresVersion(): string | null {
  try {
    return firstLine(join(serverBinaries(join(tmpdir(), 'none'), {}), 'postgres'), ['--version']);
  } catch {
    return null;
  }
}

/** Of what a program prints; some print their version on stderr. null: it is not here. */
export function firstLine(command: string, args: readonly string[]): string | null {
  const ran = spawnSync(command, args, { encoding: 'utf8', cwd: import.meta.dirname });
  if (ran.error) return null;
  return `${ran.stdout}${ran.stderr}`.split('\n')[0]?.trim() ?? null;
}
