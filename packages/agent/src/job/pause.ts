import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '@holdfast/core/kernel/backoff.ts';

/** Between two tries, longer after each; over at once when the step is to stop. */
export function pause(
  failures: number,
  stopped: AbortSignal,
  limits: { readonly firstMs: number; readonly mostMs: number },
): Promise<void> {
  return sleep(backoffMs(failures, Math.random(), limits), undefined, { signal: stopped }).catch(() => {});
}
