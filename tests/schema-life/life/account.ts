import type { Side } from '../changes/change.ts';
import { EXAMPLES, type Tally } from '../release/tally.ts';
import type { Outage } from '../server/lane-server.ts';

/** What one life came to. */
export class Account {
  readonly statements: Record<Side, number> = { old: 0, new: 0 };
  failed = 0;
  differ = 0;
  slowestMs = 0;
  readonly examples: string[] = [];
  /** What must not be and is no row and no statement: a state, something left behind. */
  readonly wrong: string[] = [];

  add(side: Side, tally: Tally, outages: readonly Outage[]): void {
    this.statements[side] += tally.statements;
    this.failed += tally.failed;
    this.differ += tally.differ;
    this.slowestMs = Math.max(this.slowestMs, tally.slowestMs);
    this.example(...tally.examples.map((text) => `${side}: ${text}`));
    // A connection may only be lost to a crash: whoever cut it otherwise would go unseen.
    for (const [began, lost] of tally.losses)
      if (!outages.some(({ from }) => from >= began && from <= lost)) {
        this.failed += 1;
        this.example(`${side}: a connection was lost while the database was up`);
      }
  }

  differing(where: string, found: { readonly differ: number; readonly examples: readonly string[] }): void {
    this.differ += found.differ;
    this.example(...found.examples.map((text) => `${where}: ${text}`));
  }

  private example(...texts: readonly string[]): void {
    this.examples.push(...texts.slice(0, Math.max(0, 2 * EXAMPLES - this.examples.length)));
  }
}
