import { atMost, type Bound } from './bound.ts';
import { LiveQueue } from './claims/live-queue.ts';
import { addPastRuns, type PastRuns } from './claims/past-runs.ts';
import { type BesideSnapshot, measureBesideSnapshot } from './claims/snapshot.ts';
import { type Latency, ratio, summarise } from './latency.ts';
import { BenchDatabase } from './orchestrator/database.ts';
import { say, type Workbench } from './workbench.ts';

/**
 * What a claim takes with a past behind it, and beside a transaction that somebody forgot. Each past
 * is a database of its own on one server, and they take turns: what drifts meets all of them.
 */
const PASTS = [1_000, 100_000, 1_000_000] as const;
const ROUNDS = 4;
const GROWTH = 1.3;
const SNAPSHOT_GROWTH = 3;

export async function measureClaims({
  workbench,
  seconds,
  minutes,
}: {
  readonly workbench: Workbench;
  readonly seconds: number;
  readonly minutes: number;
}) {
  const server = await BenchDatabase.start(workbench);
  const pasts: Past[] = [];
  for (const runs of PASTS) pasts.push(await Past.make(workbench, server, runs));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const past of round % 2 === 0 ? pasts : pasts.toReversed()) {
      past.samples.push(...(await past.queue.claimFor((seconds / ROUNDS) * 1000)));
      await past.queue.settled();
    }
  }
  const claimMs = pasts.map(({ rows, samples }) => ({ ...rows, ...summarise(samples) }));
  const most = pasts.at(-1) as Past;
  const besideSnapshot = await measureBesideSnapshot(server, most, minutes);
  for (const past of pasts) await past.queue.stop();
  const counts = pasts.map(({ rows, queue }) => ({ runs: rows.runs, ...queue.counts }));
  return { bounds: boundsOf(claimMs, besideSnapshot), claimMs, besideSnapshot, counts };
}

class Past {
  readonly samples: number[] = [];
  readonly name: string;
  readonly rows: PastRuns;
  readonly queue: LiveQueue;

  private constructor(name: string, rows: PastRuns, queue: LiveQueue) {
    this.name = name;
    this.rows = rows;
    this.queue = queue;
  }

  static async make(workbench: Workbench, server: BenchDatabase, runs: number): Promise<Past> {
    say(`${runs} past runs`);
    const name = `past_${runs}`;
    const url = await server.create(name);
    const rows = await addPastRuns(server, name, runs);
    const queue = await LiveQueue.start(url);
    workbench.atEnd(() => queue.stop());
    return new Past(name, rows, queue);
  }
}

function boundsOf(claimMs: readonly Latency[], beside: BesideSnapshot): readonly Bound[] {
  const [least, most] = [claimMs[0], claimMs.at(-1)] as [Latency, Latency];
  return (['p50', 'p95'] as const).flatMap((part) => [
    atMost(`claim ${part}, 1,000,000 past runs : 1,000`, ratio(most[part], least[part]), GROWTH),
    atMost(
      `claim ${part} after ${beside.minutes} min beside an open transaction : before it`,
      ratio(beside.end[part], beside.start[part]),
      SNAPSHOT_GROWTH,
    ),
  ]);
}
