import type { MigrationsConfig } from '@holdfast/contract/config/migrations-yaml.ts';
import { DEFAULT_LIMITS, type Limits } from '@holdfast/core/migration/throttle.ts';

/** The environment's throttle as limits of signals. */
export function limitsOf(throttle: MigrationsConfig['throttle']): Limits {
  const { databaseSize } = throttle;
  return {
    ...DEFAULT_LIMITS,
    replicaLagMs: throttle.replicaLag,
    replicaLagBytes: throttle.replicaBytes,
    slotBytes: throttle.slotBytes,
    oldestTransactionMs: throttle.transaction,
    activeBackends: throttle.sessions,
    deadTuples: throttle.deadRows,
    foregroundP95Ratio: throttle.p95,
    ...(databaseSize === undefined ? {} : { databaseBytes: databaseSize }),
  };
}
