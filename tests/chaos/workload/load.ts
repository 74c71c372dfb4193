import type { Client } from '@holdfast/contract/api/client.ts';
import type { RunView } from '@holdfast/contract/api/resources.ts';
import type { Journal } from '../journal.ts';
import type { Random } from '../random.ts';
import { until } from '../until.ts';
import { makePlan, type Plan } from './plan.ts';
import { REPOSITORY } from './repository.ts';
import { PATIENCE_MS, type SentTrigger, sendTrigger, type TriggerTarget } from './send-trigger.ts';

/** Keeps so many runs going until there were enough of them. */
export interface LoadOptions {
  readonly client: Client;
  readonly target: TriggerTarget;
  readonly random: Random;
  readonly journal: Journal;
}

export interface Round {
  readonly runs: number;
  readonly concurrency: number;
  /** More runs are started while this says so. */
  readonly more?: () => boolean;
}

const RUN_MS = 60_000;

export class Load {
  readonly sent: SentTrigger[] = [];
  readonly plans = new Map<string, Plan>();
  readonly ended = new Map<string, RunView>();
  private readonly options: LoadOptions;
  private started = 0;

  constructor(options: LoadOptions) {
    this.options = options;
  }

  get count(): number {
    return this.started;
  }

  /** Resolves when every run of the round has ended, or was given up. */
  async perform({ runs, concurrency, more = () => false }: Round): Promise<void> {
    const last = this.started + runs;
    const worker = async () => {
      while (this.started < last || more()) await this.one();
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
  }

  private async one(): Promise<void> {
    this.started += 1;
    const { random, target, journal } = this.options;
    const plan = makePlan(this.started, random);
    const { trigger } = plan;
    this.plans.set(trigger, plan);
    const inputs = { plan: plan.seconds.join(' ') };
    const sent = await sendTrigger(target, { trigger, repository: REPOSITORY, inputs });
    this.sent.push(sent);
    if (sent.id === null) return journal.miss(`${trigger} was never acknowledged`);
    try {
      const run = await this.runOf(sent.id);
      this.ended.set(trigger, run);
      if (run.state !== 'succeeded') journal.tell(`run ${run.number} (${trigger}) ${run.state}`);
    } catch (error) {
      journal.miss(`${trigger}: ${(error as Error).message}`);
    }
  }

  private async runOf(trigger: string): Promise<RunView> {
    const { client, target } = this.options;
    const look = { limitMs: (target.patienceMs ?? PATIENCE_MS) + RUN_MS, everyMs: 250 };
    const settled = await until(
      'its trigger to be read',
      async () => {
        const seen = await client('showTrigger', { params: { id: trigger } });
        return seen.state === 'pending' ? null : seen;
      },
      look,
    );
    const [id] = settled.runs;
    if (id === undefined) throw new Error(`its trigger was refused: ${settled.reason}`);
    const ended = async () => {
      const run = await client('showRun', { params: { id } });
      return run.endedAt === null ? null : run;
    };
    return until(`run ${id} to end`, ended, look);
  }
}
