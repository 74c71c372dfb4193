import { DBOS } from '@dbos-inc/dbos-sdk';
import { answerPeer, askedPeer, Chain, versionOf } from './peer.ts';

/** DBOS: steps of one workflow after each other; then as many workflows at once as there are slots. */
const { databaseUrl, seconds, concurrency } = askedPeer();
DBOS.setConfig({ name: 'bench', systemDatabaseUrl: databaseUrl, logLevel: 'error', runAdminServer: false });
const chained = DBOS.registerWorkflow(
  async () => {
    const links = new Chain(seconds);
    while (links.mark()) await DBOS.runStep(nothing, { name: 'nothing' });
    return links.summary();
  },
  { name: 'chained' },
);
let counting = false;
let done = 0;
let ended = false;
const repeated = DBOS.registerWorkflow(
  async () => {
    while (!ended) {
      await DBOS.runStep(nothing, { name: 'nothing' });
      if (counting) done += 1;
    }
  },
  { name: 'repeated' },
);
await DBOS.launch();

const chainedMs = await chained();
const workflows = Array.from({ length: concurrency }, () => repeated());
await pause(1_000);
counting = true;
const startedAt = performance.now();
await pause(seconds * 1000);
counting = false;
const took = (performance.now() - startedAt) / 1000;
ended = true;
await Promise.all(workflows);
answerPeer({
  version: versionOf('@dbos-inc/dbos-sdk'),
  unit: 'a step of a workflow: its result kept',
  chainedMs,
  perSecond: Math.round(done / took),
  n: done,
});
await DBOS.shutdown();

async function nothing(): Promise<void> {}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
