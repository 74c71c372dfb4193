import { bucketOf, bucketValueMs } from '@holdfast/core/analysis/histogram.ts';
import { Random } from './random.ts';

/**
 * Log-normal latencies with a median of 44 ms, as in reference/rollouts.md §2.5: p95 is 228 ms at σ 1 and
 * 518 ms at σ 1.5. Kept as equally likely slots, so that a draw is one look into a table. Where nothing is
 * decided (below p80 and above p99.5) neighbouring buckets are one: a third of the buckets, a third of the time.
 */
const MEDIAN_MS = 44;
const SLOTS = 4_096;
const DRAWS_A_SLOT = 50;
const COARSE = 6;

export class Latencies {
  private readonly slots: Int16Array;
  private readonly moved = new Map<string, Int16Array>();

  constructor(sigma: number) {
    this.slots = slotsOf(sigma);
  }

  /**
   * `slower`: all of them, by so many buckets of 2 %, as under load. `shiftMs`: what the candidate takes
   * longer. Draw from it by a random slot.
   */
  table(slower: number, shiftMs: number): Int16Array {
    const key = `${slower} ${shiftMs}`;
    const known = this.moved.get(key);
    if (known) return known;
    const made = this.slots.map((bucket) =>
      shiftMs === 0 ? bucket + slower : bucketOf(bucketValueMs(bucket + slower) + shiftMs),
    );
    this.moved.set(key, made);
    return made;
  }
}

/** Counts requests by bucket without an object for each second. */
export class BucketCounts {
  private static readonly LOWEST = 400;
  private readonly counts = new Uint32Array(1_400);
  private touched: number[] = [];

  draw(requests: number, table: Int16Array, random: Random): void {
    for (let request = 0; request < requests; request += 1) {
      const bucket = table[Math.floor(random.next() * SLOTS)] as number;
      const at = bucket + BucketCounts.LOWEST;
      if (this.counts[at] === 0) this.touched.push(bucket);
      (this.counts[at] as number) += 1;
    }
  }

  read(): { readonly buckets: readonly number[]; readonly counts: readonly number[] } {
    const counts = this.touched.map((bucket) => this.counts[bucket + BucketCounts.LOWEST] as number);
    return { buckets: [...this.touched], counts };
  }

  clear(): void {
    for (const bucket of this.touched) this.counts[bucket + BucketCounts.LOWEST] = 0;
    this.touched = [];
  }
}

function slotsOf(sigma: number): Int16Array {
  const random = new Random(1, Math.round(sigma * 1_000));
  const drawn = Float64Array.from({ length: SLOTS * DRAWS_A_SLOT }, () => random.normal()).sort();
  const bucketAt = (slot: number) =>
    bucketOf(MEDIAN_MS * Math.exp(sigma * (drawn[Math.floor((slot + 0.5) * DRAWS_A_SLOT)] as number)));
  return Int16Array.from({ length: SLOTS }, (_, slot) => {
    const fine = slot > SLOTS * 0.8 && slot < SLOTS * 0.995;
    return fine ? bucketAt(slot) : Math.round(bucketAt(slot) / COARSE) * COARSE;
  });
}
