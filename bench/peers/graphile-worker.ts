import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, makeWorkerUtils, run, type RunnerOptions } from 'graphile-worker';
import { answerPeer, askedPeer, Chain, versionOf } from './peer.ts';

/** graphile-worker: a job that queues the next one; then a full queue at once, plain and tuned for throughput. */
const { databaseUrl, seconds, concurrency } = askedPeer();
const logger = new Logger(() => () => {});
const common = { connectionString: databaseUrl, logger, noHandleSignals: true } as const;
const utils = await makeWorkerUtils(common);
await utils.migrate();

const chainedMs = await chain();
const plain = await drain({});
// Its own advice for many short jobs: fetch ahead and complete in batches, at the price of rerunning more after a crash.
const tuned = await drain({ preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } } });
await utils.release();
answerPeer({
  version: versionOf('graphile-worker'),
  unit: 'a job: queued by the one before, fetched, completed',
  chainedMs,
  perSecond: Math.round(plain.n / plain.seconds),
  n: plain.n,
  tunedPerSecond: Math.round(tuned.n / tuned.seconds),
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

async function drain(tuning: Partial<RunnerOptions>): Promise<{ readonly n: number; readonly seconds: number }> {
  await fill(seconds * 8_000);
  let done = 0;
  const runner = await run({
    ...common,
    ...tuning,
    concurrency,
    maxPoolSize: 10,
    taskList: {
      nothing: async () => {
        done += 1;
      },
    },
  });
  await sleep(500);
  const before = done;
  const startedAt = performance.now();
  await sleep(seconds * 1000);
  const n = done - before;
  const took = (performance.now() - startedAt) / 1000;
  await runner.stop();
  return { n, seconds: took };
}

async function fill(jobs: number): Promise<void> {
  await utils.withPgClient(async (client) => {
    await client.query('TRUNCATE graphile_worker._private_jobs');
    await client.query(`SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(SELECT json_populate_record(NULL::graphile_worker.job_spec, '{"identifier":"nothing"}') FROM generate_series(1, $1)))`, [jobs]);
    await client.query('ANALYZE graphile_worker._private_jobs');
  });
}
