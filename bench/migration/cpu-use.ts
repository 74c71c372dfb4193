import { cpus } from 'node:os';
import { round } from '../latency.ts';
import { cpuSecondsOf } from '../router/cpu-time.ts';

/**
 * What a method costs apart from what else runs here: CPU of its own backend, and how many cores were
 * busy with something that is no part of this benchmark.
 */
export interface CpuUse {
  readonly backendSeconds: number;
  readonly othersCores: number;
}

export async function cpuDuring<Value>(
  backend: number,
  work: () => Promise<Value>,
): Promise<{ readonly value: Value; readonly cpu: CpuUse }> {
  const from = look(backend);
  const value = await work();
  const to = look(backend);
  const others = to.busy - from.busy - (to.own - from.own);
  const cpu = {
    backendSeconds: round(to.backend - from.backend),
    othersCores: round(Math.max(0, others) / (to.at - from.at)),
  };
  return { value, cpu };
}

/** All in seconds. PostgreSQL and the load are children of this process. */
function look(backend: number) {
  const busy = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  return {
    at: performance.now() / 1_000,
    busy: busy / 1_000,
    own: cpuSecondsOf(process.pid),
    backend: cpuSecondsOf(backend),
  };
}
