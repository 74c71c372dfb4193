import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { PhaseTotals } from './load.ts';

/** The load generator as seen from outside. */
export class LoadProcess {
  private readonly child: ChildProcess;

  constructor(port: number, rate: number) {
    this.child = fork(fileURLToPath(new URL('./load.ts', import.meta.url)), [String(port), String(rate)]);
  }

  phase(name: string): void {
    this.child.send({ phase: name });
  }

  /** Stops sending, waits for what is open, and returns what was counted. */
  stop(): Promise<Record<string, PhaseTotals>> {
    return new Promise((done, fail) => {
      this.child.once('message', (message) =>
        done((message as { totals: Record<string, PhaseTotals> }).totals),
      );
      this.child.once('exit', () => fail(new Error('the load generator died')));
      this.child.send({ stop: true });
    });
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
