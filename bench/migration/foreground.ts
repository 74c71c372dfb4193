import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Latency, round, summarise } from '../latency.ts';
import type { Started, Workbench } from '../workbench.ts';
import type { Kind, Taken } from './load.ts';

/** What the app notices, in milliseconds from when a statement was due. */
export interface Noticed extends Latency {
  readonly max: number;
  readonly p99Of: Readonly<Record<Kind, number>>;
  readonly failed: number;
  readonly firstError: string | null;
}

const PER_SECOND = 300;
const WARM_UP_MS = 3_000;
const ANSWER_MS = 30_000;

export class Foreground {
  private readonly load: Started;

  private constructor(load: Started) {
    this.load = load;
  }

  static async start(
    workbench: Workbench,
    { url, keys }: { readonly url: string; readonly keys: number },
  ): Promise<Foreground> {
    const load = workbench.startNode({
      name: 'load',
      path: join(import.meta.dirname, 'load.ts'),
      args: [url, String(PER_SECOND), String(keys)],
    });
    await load.message(ANSWER_MS);
    await sleep(WARM_UP_MS);
    const foreground = new Foreground(load);
    await foreground.take();
    return foreground;
  }

  /** Since the last time it was taken. */
  async take(): Promise<Noticed> {
    const answer = this.load.message<Taken>(ANSWER_MS);
    this.load.tell('take');
    const { latencies, failed, firstError } = await answer;
    const all = [...latencies.read, ...latencies.change, ...latencies.add];
    const max = round(all.reduce((most, one) => Math.max(most, one), 0));
    const p99Of = { read: p99(latencies.read), change: p99(latencies.change), add: p99(latencies.add) };
    const figures = all.length === 0 ? { n: 0, p50: 0, p95: 0, p99: 0 } : summarise(all);
    return { ...figures, max, p99Of, failed, firstError };
  }

  async over(seconds: number): Promise<Noticed> {
    await this.take();
    await sleep(seconds * 1_000);
    return this.take();
  }

  /** The next release of the app: it knows the column by another name. */
  async speakOf(column: string): Promise<void> {
    this.load.tell(`column ${column}`);
    await sleep(100);
  }

  stop(): Promise<void> {
    return this.load.stop();
  }
}

function p99(samples: readonly number[]): number {
  return samples.length === 0 ? 0 : summarise(samples).p99;
}
