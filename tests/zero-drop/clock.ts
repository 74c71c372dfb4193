/** CLOCK_MONOTONIC in ms: the same for every process of the machine, so that moments can be compared. */
export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
