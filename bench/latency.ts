/** Samples in milliseconds, boiled down. */
export interface Latency {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export function summarise(samples: readonly number[]): Latency {
  if (samples.length === 0) throw new Error('no sample was taken');
  const sorted = Float64Array.from(samples).sort();
  const at = (share: number) =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number);
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** Three significant digits: more would claim what a shared machine cannot give. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}

export function ratio(one: number, other: number): number {
  return round(one / other);
}
