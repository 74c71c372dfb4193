import { PgBoss } from 'pg-boss';
import { answerPeer, askedPeer, Chain, versionOf } from './peer.ts';

/**
 * pg-boss: its workers look at most twice a second, so the calls under them are driven directly:
 * send, fetch, complete, one after the other; then a full queue by many fetchers at once.
 */
const { databaseUrl, seconds, concurrency } = askedPeer();
const boss = new PgBoss({ connectionString: databaseUrl, max: 10, supervise: false, schedule: false });
boss.on('error', (error) => process.stderr.write(`${error.message}\n`));
await boss.start();
await boss.createQueue('chain');
await boss.createQueue('many');

const chainedMs = await chain();
const n = await drain();
answerPeer({
  version: versionOf('pg-boss'),
  unit: 'a job: sent, fetched, completed',
  chainedMs,
  perSecond: Math.round(n / seconds),
  n,
});
await boss.stop({ graceful: false });

async function chain() {
  const links = new Chain(seconds);
  while (links.mark()) {
    await boss.send('chain', {});
    const [job] = await boss.fetch('chain');
    if (!job) throw new Error('pg-boss lost the job it was just sent');
    await boss.complete('chain', job.id);
  }
  return links.summary();
}

async function drain(): Promise<number> {
  const jobs = Array.from({ length: seconds * 4_000 }, () => ({}));
  for (let from = 0; from < jobs.length; from += 2_000)
    await boss.insert('many', jobs.slice(from, from + 2_000));
  let done = 0;
  const until = performance.now() + seconds * 1000;
  const fetcher = async () => {
    while (performance.now() < until) {
      const [job] = await boss.fetch('many');
      if (!job) throw new Error('the queue of pg-boss ran dry');
      await boss.complete('many', job.id);
      if (performance.now() < until) done += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, fetcher));
  return done;
}
