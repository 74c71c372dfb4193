import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { shipWorkflow, WorkBench } from '../tests/e2e/work-bench.ts';
import { until } from '../tools/demo/machine.ts';
import { atMost, below } from './bound.ts';
import { ratio, round, summarise } from './latency.ts';
import { say, type Workbench } from './workbench.ts';

/**
 * From the request for a rollback until users get the other release and no other, over connections of their own
 * through the real router: to the release that is kept hot, and to ones that start first, beside the time that is
 * stated for them beforehand.
 */
const HOT_TIMES = 40;
const COLD_TIMES = 12;
const HOT_MS = 1_000;
/** So many answers in a row by the release that is returned to: every worker of the router has moved. */
const IN_A_ROW = 12;
const RELEASES = 5;
const at = { app: 'app', environment: 'production' };

const SERVER = `const number = process.env.HOLDFAST_RELEASE_NUMBER;
require('node:http').createServer((q, a) => a.end(number)).listen(process.env.PORT, '127.0.0.1');
`;

const config = (port: number) => `version: 1
app: app
environments:
  production:
    target: { command: [node, server.js], replicas: 2 }
    readiness: { path: /, successes: 2, interval: 100ms }
    drain: { deadline: 1s, grace: 1s }
    traffic: { listen: ${port} }
    rollback: { keep: ${RELEASES} }
    strategy: { kind: blueGreen, gate: automatic, soak: 100ms, analysis: { dwell: 100ms, deadline: 1s, warmup: 0s, minimumRequests: 1 } }
`;

export async function measureRollback({ workbench }: { readonly workbench: Workbench }) {
  const bench = await WorkBench.start();
  workbench.atEnd(() => bench.stop());
  const port = await freePorts(1);
  const files = {
    'server.js': SERVER,
    '.holdfast/workflows/ship.yml': shipWorkflow,
    'holdfast.yaml': config(port),
  };
  await bench.repository('app', files, 3_600);
  await bench.run('app');
  const { client } = bench.machine;
  const { items } = await client('listArtifacts', { query: { name: 'app' } });
  for (let more = 1; more < RELEASES; more += 1) {
    const { rollout } = await client('deploy', { params: at, body: { artifact: `app@${items[0]?.digest}` } });
    await ended(bench, rollout, 'done');
  }
  say(`${HOT_TIMES} rollbacks to the hot release`);
  const hot: number[] = [];
  for (let time = 0; time < HOT_TIMES; time += 1)
    hot.push(await back(bench, port, await releaseThatIs(bench, 'hot')));
  say(`${COLD_TIMES} rollbacks to cold ones`);
  const cold: { tookMs: number; statedMs: number }[] = [];
  for (let time = 0; time < COLD_TIMES; time += 1) {
    const release = await releaseThatIs(bench, 'cold');
    cold.push({
      tookMs: await back(bench, port, release),
      statedMs: (release.secondsToServe ?? Number.NaN) * 1_000,
    });
  }
  await bench.stop();
  const hotMs = summarise(hot);
  const worst = cold.reduce((one, other) =>
    ratio(other.tookMs, other.statedMs) > ratio(one.tookMs, one.statedMs) ? other : one,
  );
  return {
    bounds: [
      below('to the hot release: p99 in ms', hotMs.p99, HOT_MS),
      atMost('to a cold one, the worst: taken : stated', ratio(worst.tookMs, worst.statedMs), 1),
    ],
    hotMs,
    coldMs: summarise(cold.map(({ tookMs }) => tookMs)),
    cold: cold.map(({ tookMs, statedMs }) => ({ tookMs: round(tookMs), statedMs })),
  };
}

interface Target {
  readonly number: number;
  readonly returnable: string;
  readonly secondsToServe: number | null;
}

/** The oldest of them: those that were left last may still have instances. */
async function releaseThatIs({ machine }: WorkBench, returnable: 'hot' | 'cold'): Promise<Target> {
  return until(`a ${returnable} release`, async () => {
    const { items } = await machine.client('listReleases', { params: at });
    const { instances } = await machine.client('showEnvironment', { params: at });
    // Of former rollbacks nothing drains any more, and what is kept hot is ready.
    if (instances.some(({ state }) => state !== 'ready')) return null;
    return items.findLast((release) => release.returnable === returnable) ?? null;
  });
}

async function back(bench: WorkBench, port: number, { number }: Target): Promise<number> {
  const startedAt = performance.now();
  const { rollout } = await bench.machine.client('rollBack', { params: at, body: { to: number } });
  let [row, since] = [0, 0];
  while (row < IN_A_ROW) {
    const asked = performance.now();
    if ((await ask(port)) !== String(number)) row = 0;
    else {
      if (row === 0) since = asked;
      row += 1;
    }
  }
  await ended(bench, rollout, 'rolledBack');
  return since - startedAt;
}

function ask(port: number): Promise<string> {
  return new Promise((done, fail) => {
    get({ host: '127.0.0.1', port, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => done(text));
    }).on('error', fail);
  });
}

async function ended({ machine }: WorkBench, id: string, expected: string): Promise<void> {
  const seen = await until('the rollout to end', async () => {
    const rollout = await machine.client('showRollout', { params: { id } });
    return rollout.endedAt ? rollout : null;
  });
  if (seen.state !== expected) throw new Error(`the rollout is ${seen.state}: ${seen.reason}`);
  await sleep(100);
}
