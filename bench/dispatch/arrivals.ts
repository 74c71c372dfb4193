import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '@holdfast/contract/id.ts';
import { Hints } from '@holdfast/controller/loop/hints.ts';
import { Database } from '@holdfast/postgres/database.ts';
import { insertRepository } from '@holdfast/postgres/run/repository-store.ts';
import { plainExpressions } from '@holdfast/testkit/plain-expressions.ts';
import { sampleWorkflow } from '@holdfast/testkit/sample-runs.ts';
import pino from 'pino';
import { queueRun } from '../orchestrator/queue-run.ts';

/**
 * Runs of a single step that arrive steadily, as another controller would make them: rows in one
 * transaction, then a hint by NOTIFY, through its own `Hints`.
 */
export interface Arrived {
  readonly runs: number;
  /** When each run's transaction was begun, after its due time: above a few the arrivals were not steady. */
  readonly lateMs: readonly number[];
}

const REPOSITORIES = 20;
const TOOLS = { expressions: plainExpressions, newId };
const SAMPLE = sampleWorkflow([{ key: 'job', steps: 1 }]);
const DEFINITION = { ...SAMPLE, jobs: SAMPLE.jobs.map((job) => ({ ...job, runsOn: 'bench' })) };

export class Arrivals {
  private readonly database: Database;
  private readonly hints: Hints;
  private readonly repositories = Array.from({ length: REPOSITORIES }, () => newId());
  private made = 0;

  private constructor(url: string) {
    this.database = new Database(url, { connections: 8, name: 'bench arrivals' });
    this.hints = new Hints(this.database, pino({ level: 'silent' }));
  }

  static async open(url: string): Promise<Arrivals> {
    const arrivals = new Arrivals(url);
    for (const id of arrivals.repositories)
      await insertRepository(arrivals.database, {
        id,
        name: `bench-${id}`,
        url: 'none',
        poll_seconds: 0,
        webhook_secret: Buffer.from('bench'),
      });
    return arrivals;
  }

  async comeFor(seconds: number, perSecond: number): Promise<Arrived> {
    const lateMs: number[] = [];
    const coming: Promise<void>[] = [];
    const startedAt = performance.now();
    for (let run = 0; run < seconds * perSecond; run += 1) {
      const dueAt = startedAt + (run / perSecond) * 1000;
      if (dueAt > performance.now()) await sleep(dueAt - performance.now());
      lateMs.push(performance.now() - dueAt);
      coming.push(this.come());
    }
    await Promise.all(coming);
    return { runs: coming.length, lateMs };
  }

  async close(): Promise<void> {
    await this.hints.stop();
    await this.database.close();
  }

  private async come(): Promise<void> {
    this.made += 1;
    const number = this.made;
    const repositoryId = this.repositories[number % REPOSITORIES] as string;
    await queueRun(this.database, { definition: DEFINITION, repositoryId, number }, TOOLS);
    this.hints.send('jobs');
  }
}
