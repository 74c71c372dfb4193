import { bucketValueMs } from '@holdfast/core/analysis/histogram.ts';
import type { ArmSecond } from './trial.ts';

/** What an arm did in a window: seconds are added, and taken out again where the window slides. */
const LOWEST = 400;
const BUCKETS = 1_400;

export class Tally {
  requests = 0;
  failed = 0;
  private readonly latency = new Int32Array(BUCKETS);

  add(second: ArmSecond, sign: 1 | -1 = 1): void {
    this.requests += sign * second.requests;
    this.failed += sign * second.failed;
    second.buckets.forEach((bucket, at) => {
      (this.latency[bucket + LOWEST] as number) += sign * (second.counts[at] as number);
    });
  }

  /** null without a request, as a query over no series. */
  errorRate(): number | null {
    return this.requests === 0 ? null : this.failed / this.requests;
  }

  quantileMs(quantile: number): number | null {
    let seen = 0;
    for (let at = 0; at < BUCKETS; at += 1) {
      seen += this.latency[at] as number;
      if (seen > 0 && seen >= quantile * this.requests) return bucketValueMs(at - LOWEST);
    }
    return null;
  }
}
