import { setTimeout as sleep } from 'node:timers/promises';
import { below } from './bound.ts';
import { Arrivals } from './dispatch/arrivals.ts';
import { type Fleet, startFleet } from './fleet/start-fleet.ts';
import { type Latency, round, summarise } from './latency.ts';
import { startController } from './orchestrator/controller.ts';
import { BenchDatabase } from './orchestrator/database.ts';
import { cpuSecondsOf } from './router/cpu-time.ts';
import { say, type Workbench } from './workbench.ts';

/**
 * From the moment that a run is queued (the database's clock) until an agent has its grant, with two
 * hundred runs of a single step coming in a second, one controller and twenty agents.
 */
const PER_SECOND = 200;
const AGENTS = 20;
const SLOTS = 10;
const WARM_SECONDS = 3;
const BOUND_MS = 100;
const END_LIMIT_MS = 30_000;

export async function measureDispatch({
  workbench,
  seconds,
}: {
  readonly workbench: Workbench;
  readonly seconds: number;
}) {
  const database = await BenchDatabase.start(workbench);
  const url = database.url('holdfast');
  const controller = await startController(workbench, { databaseUrl: url });
  const { address, token } = controller;
  const fleet = await startFleet(workbench, { controllers: [address], token, agents: AGENTS, slots: SLOTS });
  const arrivals = await Arrivals.open(url);
  workbench.atEnd(() => arrivals.close());
  say(`${PER_SECOND} runs a second for ${seconds} s`);
  const warm = await arrivals.comeFor(WARM_SECONDS, PER_SECOND);
  const before = cpuSecondsOf(controller.process.pid);
  const { runs, lateMs } = await arrivals.comeFor(seconds, PER_SECOND);
  const controllerCores = round((cpuSecondsOf(controller.process.pid) - before) / seconds);
  const unended = await waitUntilEnded(database);
  const { dispatchMs, ...answer } = await readGrants(database, fleet, warm.runs);
  return {
    bounds: [
      below('dispatch p95 in ms', dispatchMs.p95, BOUND_MS),
      below('runs without a grant', runs - dispatchMs.n, 1),
    ],
    dispatchMs,
    perSecond: PER_SECOND,
    agents: AGENTS,
    slots: SLOTS,
    arrivalsLateMs: summarise(lateMs),
    controllerCores,
    unended,
    ...answer,
  };
}

async function waitUntilEnded(database: BenchDatabase): Promise<number> {
  const deadline = performance.now() + END_LIMIT_MS;
  for (;;) {
    const unended = await database.withClient('holdfast', async (client) => {
      const found = await client.query<{ runs: number }>(
        'SELECT count(*)::int AS runs FROM run WHERE ended_at IS NULL',
      );
      return found.rows[0]?.runs ?? 0;
    });
    if (unended === 0 || performance.now() > deadline) return unended;
    await sleep(200);
  }
}

/** Of the runs after the warm ones; a job that was given twice counts by its first grant. */
async function readGrants(
  database: BenchDatabase,
  fleet: Fleet,
  warmRuns: number,
): Promise<{
  readonly dispatchMs: Latency;
  readonly grantedAgain: number;
  readonly failedExchanges: number;
}> {
  const { grants, failedExchanges } = await fleet.end();
  const first = new Map<string, number>();
  for (const [jobId, atMs] of grants) if (!first.has(jobId)) first.set(jobId, atMs);
  const jobs = await database.withClient('holdfast', (client) =>
    client.query<{ id: string; queued_ms: number }>(
      `SELECT job.id, (extract(epoch FROM job.queued_at) * 1000)::float8 AS queued_ms
       FROM job JOIN run ON run.id = job.run_id WHERE run.number > $1`,
      [warmRuns],
    ),
  );
  const samples = jobs.rows.flatMap(({ id, queued_ms }) => {
    const atMs = first.get(id);
    return atMs === undefined ? [] : [atMs - queued_ms];
  });
  return { dispatchMs: summarise(samples), grantedAgain: grants.length - first.size, failedExchanges };
}
