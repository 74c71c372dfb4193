import pg from 'pg';
import type { Arm, Struck } from './question.ts';

/**
 * Counts the statements that this process sends, BEGIN and COMMIT as well, and strikes at the one
 * that was named: its answer never arrives, or arrives in a process that sleeps.
 */
export class Armed {
  private arm: Arm | null = null;
  private left = 0;

  constructor() {
    const sent = pg.Client.prototype.query as (...words: unknown[]) => unknown;
    const count = () => this.count();
    // The product's own session is what is struck, so that nothing in it needs to know of this.
    pg.Client.prototype.query = function query(this: pg.Client, ...words: unknown[]) {
      const answer = sent.apply(this, words);
      count();
      return answer;
    } as typeof pg.Client.prototype.query;
  }

  /** The same one again goes on counting; null takes it away. */
  set(arm: Arm | null): void {
    if (arm?.id === this.arm?.id) return;
    this.arm = arm;
    this.left = arm?.after ?? 0;
  }

  private count(): void {
    if (this.arm === null || --this.left > 0) return;
    const { id, does } = this.arm;
    this.arm = null;
    process.send?.({ struck: id } satisfies Struck);
    if (does === 'kill') process.kill(process.pid, 'SIGKILL');
    if (does === 'pause') process.kill(process.pid, 'SIGSTOP');
  }
}
