import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { addTotals, emptyTotals, type Flight, type PhaseTotals } from './flight.ts';
import type { LoadAnswer, LoadOrder, LoadSettings } from './load.ts';

/** The load as the suite sees it: one process, or several when one could not send that much. */
const RATE_OF_ONE = 600;
const SETTLE_LIMIT_MS = 30_000;

type Asked = { readonly ask: 'totals'; readonly phase: string } | { ask: 'window'; from: number; to: number };

export class Load {
  private readonly children: readonly ChildProcess[];
  private readonly questions = new Map<number, (answer: LoadAnswer) => void>();
  private token = 0;
  private stopped = false;
  readonly pids: readonly number[];

  constructor(
    { port, rate, seed }: Pick<LoadSettings, 'port' | 'rate' | 'seed'>,
    { died }: { readonly died: () => void },
  ) {
    const of = Math.ceil(rate / RATE_OF_ONE);
    this.children = Array.from({ length: of }, (_, index) => {
      const settings: LoadSettings = { port, rate: rate / of, seed: seed + index, index, of };
      const child = fork(fileURLToPath(new URL('./load.ts', import.meta.url)), [JSON.stringify(settings)], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      child.on('message', (answer: LoadAnswer) => this.hear(answer));
      child.on('exit', () => {
        if (!this.stopped) died();
      });
      return child;
    });
    this.pids = this.children.flatMap(({ pid }) => pid ?? []);
  }

  phase(phase: string): void {
    for (const child of this.children) child.send({ ask: 'phase', phase } satisfies LoadOrder);
  }

  async totals(phase: string): Promise<PhaseTotals> {
    const answers = await this.ask({ ask: 'totals', phase });
    return answers.map(({ totals }) => totals ?? emptyTotals()).reduce(addTotals);
  }

  /** Until every request of the phase has ended, well or badly. */
  async settled(phase: string): Promise<PhaseTotals> {
    for (const deadline = performance.now() + SETTLE_LIMIT_MS; performance.now() < deadline; ) {
      const answers = await this.ask({ ask: 'totals', phase });
      if (answers.every(({ open }) => open === 0)) return this.totals(phase);
      await sleep(100);
    }
    throw new Error(`requests of ${phase} are still open after ${SETTLE_LIMIT_MS / 1_000} s`);
  }

  async window(from: number, to: number): Promise<readonly Flight[]> {
    return (await this.ask({ ask: 'window', from, to })).flatMap(({ flights }) => flights ?? []);
  }

  stop(): void {
    this.stopped = true;
    for (const child of this.children) child.kill('SIGKILL');
  }

  private ask(question: Asked): Promise<readonly LoadAnswer[]> {
    return Promise.all(
      this.children.map((child) => {
        this.token += 1;
        const { token } = this;
        const { promise, resolve } = Promise.withResolvers<LoadAnswer>();
        this.questions.set(token, resolve);
        child.send({ ...question, token } as LoadOrder);
        return promise;
      }),
    );
  }

  private hear(answer: LoadAnswer): void {
    this.questions.get(answer.token)?.(answer);
    this.questions.delete(answer.token);
  }
}
