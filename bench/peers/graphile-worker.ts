import { Logger, makeWorkerUtils, type RunnerOptions, run } from 'graphile-worker';
import { answerPeer, askedPeer, Chain, versionOf } from './peer.ts';

/** graphile-worker: a job that queues the next one; then a full queue at once, plain and tuned for throughput. */
const { databaseUrl, seconds, concurrency } = askedPeer();
const logger = new Logger(() => () => {});
const common = { connectionString: databaseUrl, logger, noHandleSignals: true } as const;
const utils = await makeWorkerUtils(common);
await utils.migrate();

interface Drained {
  readonly n: number;
  readonly perSecond: number;
}

const chainedMs = await chain();
const plain = await drain(seconds * 4_000, {});
// Its own advice for many short jobs: fetch ahead and complete in batches, at the price of rerunning more after a crash.
const tuned = await drain(seconds * 10_000, {
  preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
});
await utils.release();
answerPeer({
  version: versionOf('graphile-worker'),
  unit: 'a job: queued by the one before, fetched, completed',
  chainedMs,
  perSecond: plain.perSecond,
  n: plain.n,
  tunedPerSecond: tuned.perSecond,
});

async function chain() {
  const links = new Chain(seconds);
  const ended = Promise.withResolvers<void>();
  const runner = await run({
    ...common,
    concurrency: 1,
    taskList: {
      link: async (_payload, helpers) => {
        if (links.mark()) await helpers.addJob('link', {});
        else ended.resolve();
      },
    },
  });
  await utils.addJob('link', {});
  await ended.promise;
  await runner.stop();
  return links.summary();
}

/** From the first job until all are done or the time is over, whichever is first. */
async function drain(jobs: number, tuning: Partial<RunnerOptions>): Promise<Drained> {
  await fill(jobs);
  const over = Promise.withResolvers<void>();
  let startedAt = 0;
  let done = 0;
  const nothing = async () => {
    if (startedAt === 0) startedAt = performance.now();
    done += 1;
    if (done === jobs || performance.now() - startedAt > seconds * 1000) over.resolve();
  };
  const runner = await run({ ...common, ...tuning, concurrency, maxPoolSize: 10, taskList: { nothing } });
  await over.promise;
  const drained = { n: done, perSecond: Math.round((done / (performance.now() - startedAt)) * 1000) };
  await runner.stop();
  return drained;
}

async function fill(jobs: number): Promise<void> {
  await utils.withPgClient(async (client) => {
    await client.query('TRUNCATE graphile_worker._private_jobs');
    await client.query(
      `SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(SELECT json_populate_record(NULL::graphile_worker.job_spec, '{"identifier":"nothing"}') FROM generate_series(1, $1)))`,
      [jobs],
    );
    await client.query('ANALYZE graphile_worker._private_jobs');
  });
}
