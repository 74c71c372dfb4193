import { readFileSync } from 'node:fs';
import { type Latency, summarise } from '../latency.ts';

/** What every peer program is asked by argv and answers over IPC. */
export interface PeerAsked {
  readonly databaseUrl: string;
  readonly seconds: number;
  readonly concurrency: number;
}

export interface PeerAnswer {
  readonly version: string;
  /** What was done, in a sentence: the peers' units are alike, not the same. */
  readonly unit: string;
  readonly chainedMs: Latency;
  readonly perSecond: number;
  readonly n: number;
  readonly tunedPerSecond?: number;
}

export function askedPeer(): PeerAsked {
  return JSON.parse(process.argv[2] ?? '{}') as PeerAsked;
}

export function answerPeer(answer: PeerAnswer): void {
  process.send?.(answer);
}

export function versionOf(name: string): string {
  return (
    JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')) as {
      version: string;
    }
  ).version;
}

/** Times the marks that a chain of jobs makes, until it has taken long enough. */
export class Chain {
  private readonly samples: number[] = [];
  private last: number | undefined;
  private readonly until: number;

  constructor(seconds: number) {
    this.until = performance.now() + seconds * 1000;
  }

  /** False: the chain has ended. */
  mark(): boolean {
    const now = performance.now();
    if (this.last !== undefined) this.samples.push(now - this.last);
    this.last = now;
    return now < this.until;
  }

  summary(): Latency {
    return summarise(this.samples);
  }
}
