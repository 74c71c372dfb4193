import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GroupCounts } from '@holdfast/contract/router/protocol.ts';
import { shipWorkflow, WorkBench } from '../tests/e2e/work-bench.ts';
import { until } from '../tools/demo/machine.ts';
import { ToldRouter } from './abort/told-router.ts';
import { below } from './bound.ts';
import { summarise } from './latency.ts';
import { say, type Workbench } from './workbench.ts';

/**
 * From the deciding sample, as a router hands it over, until that router has a snapshot in which the
 * candidate has no traffic: a controller, real instances, a router that says what it is told.
 */
const TIMES = 40;
const BOUND_MS = 500;
const at = { app: 'app', environment: 'production' };

const STRATEGIES = {
  canary: 'kind: canary, steps: [50%]',
  blueGreen: 'kind: blueGreen',
} as const;

const config = (strategy: string) => `version: 1
app: app
environments:
  production:
    target: { command: [node, server.js], replicas: 1 }
    readiness: { path: /, successes: 1, interval: 100ms }
    drain: { deadline: 1s, grace: 1s }
    strategy: { ${strategy}, analysis: { dwell: 10m, deadline: 20m, warmup: 0s, minimumRequests: 50 } }
`;

export async function measureAbort({ workbench }: { readonly workbench: Workbench }) {
  const canary = await measureStrategy(workbench, 'canary');
  const blueGreen = await measureStrategy(workbench, 'blueGreen');
  return {
    bounds: [
      below('canary: p99 in ms', canary.abortMs.p99, BOUND_MS),
      below('blue-green: p99 in ms', blueGreen.abortMs.p99, BOUND_MS),
    ],
    canary,
    blueGreen,
  };
}

async function measureStrategy(workbench: Workbench, kind: keyof typeof STRATEGIES) {
  const bench = await WorkBench.start();
  workbench.atEnd(() => bench.stop());
  const { client, addresses, data } = bench.machine;
  const router = new ToldRouter(addresses[0] ?? '', readFileSync(join(data, 'router.token'), 'utf8').trim());
  workbench.atEnd(() => router.stop());
  const server = `require('node:http').createServer((q, a) => a.end('ok')).listen(process.env.PORT, '127.0.0.1');\n`;
  await bench.repository(
    'app',
    {
      'server.js': server,
      '.holdfast/workflows/ship.yml': shipWorkflow,
      'holdfast.yaml': config(STRATEGIES[kind]),
    },
    3_600,
  );
  await bench.run('app');
  await router.until(() => (router.group('stable')?.share ?? 0) === 10_000);
  const artifact = await artifactOf(bench);
  const taken: number[] = [];
  let second = 0;
  for (let time = 0; time < TIMES; time += 1) {
    await calm(router);
    const { rollout } = await client('deploy', { params: at, body: { artifact } });
    await until('the candidate to be analysed', async () => {
      const seen = await client('showRollout', { params: { id: rollout } });
      return seen.state === 'analysing';
    });
    const startedAt = performance.now();
    const gone = router.until(() => (router.group('candidate')?.share ?? 0) === 0);
    // Not the second in which the traffic moved, and none twice: both would not be counted.
    second = Math.max(second + 1, Math.ceil(Date.now() / 1_000));
    await router.report(failing(router), second);
    taken.push((await gone) - startedAt);
    const ended = await until('the abort to end', async () => {
      const seen = await client('showRollout', { params: { id: rollout } });
      return seen.endedAt ? seen : null;
    });
    if (ended.state !== 'aborted') throw new Error(`the rollout is ${ended.state}: ${ended.reason}`);
  }
  say(`${kind}: ${TIMES} aborts`);
  await router.stop();
  await bench.stop();
  return { abortMs: summarise(taken), n: TIMES };
}

async function artifactOf(bench: WorkBench): Promise<string> {
  const { items } = await bench.machine.client('listArtifacts', { query: { name: 'app' } });
  return `app@${items[0]?.digest}`;
}

/** Some healthy seconds of stable, which a switch is compared with. */
async function calm(router: ToldRouter): Promise<void> {
  const stable = router.group('stable');
  if (!stable) throw new Error('stable does not serve');
  const second = Math.floor(Date.now() / 1_000);
  for (let back = 12; back > 8; back -= 1)
    await router.report([counts('stable', stable.release, 1_000, 0)], second - back);
  await sleep(200);
}

function failing(router: ToldRouter): GroupCounts[] {
  const release = (name: string) => router.group(name)?.release ?? '';
  return [counts('stable', release('stable'), 200, 0), counts('candidate', release('candidate'), 200, 100)];
}

function counts(name: GroupCounts['name'], release: string, requests: number, failed: number): GroupCounts {
  const latency = { '150': requests };
  return {
    name,
    release,
    requests,
    failed,
    units: requests,
    failedUnits: failed,
    failedUsers: null,
    latency,
  };
}
