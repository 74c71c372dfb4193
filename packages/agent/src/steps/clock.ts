/** A timer for longer would fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds by the kernel's monotonic clock: the same for every process until the machine starts anew. */
export function uptimeMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/** Since a moment by uptimeMs(); none has passed since one of before the machine started anew. */
export function msSince(moment: number): number {
  return Math.max(0, uptimeMs() - moment);
}
