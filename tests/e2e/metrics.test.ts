import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RolloutView } from '@holdfast/contract/api/resources.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { APP, shipWorkflow, WorkBench } from './work-bench.ts';

/** A rollout that is judged by a metric of the user's own, from a Prometheus that says what the test wants. */
let bench: WorkBench;
let provider: Server;
let folder: string;
const at = { app: 'app', environment: 'production' };
/** Orders a second by release number, and what the provider does. */
const told = {
  orders: new Map<string, number>(),
  broken: false,
  pastRefused: 0,
  queueLength: 10,
  tokens: new Set<string>(),
};

const config = (version: string) => `version: 1
app: app
environments:
  production:
    target: { command: [node, server.js], replicas: 1, env: { VERSION: "${version}" } }
    readiness: { path: /, successes: 1, interval: 100ms }
    drain: { deadline: 1s, grace: 1s }
    strategy:
      steps: [50%]
      soak: 100ms
      analysis:
        dwell: 1s
        deadline: 12s
        warmup: 0s
        whenInsufficient: probe
        metrics:
          - name: orders
            provider: prometheus
            query: 'orders_per_request{release="{{releaseNumber}}"}'
            token: "\${{ secrets.METRICS_TOKEN }}"
            direction: decrease
            margin: 5%
            interval: 300ms
`;

function vector(value: number): string {
  const result = [{ metric: {}, value: [Date.now() / 1_000, String(value)] }];
  return JSON.stringify({ status: 'success', data: { resultType: 'vector', result } });
}

/** The queue was ten long for all of its past, once the provider has found that. */
function answerPast(query: URLSearchParams, response: ServerResponse): void {
  if (told.pastRefused < 2) {
    told.pastRefused += 1;
    response.writeHead(503).end();
    return;
  }
  const [start, end] = [Number(query.get('start')), Number(query.get('end'))];
  const values = Array.from({ length: end - start }, (_, at) => [start + at, String(10 + Math.random())]);
  const data = { resultType: 'matrix', result: [{ metric: {}, values }] };
  response.end(JSON.stringify({ status: 'success', data }));
}

beforeAll(async () => {
  provider = createServer((request, response) => {
    told.tokens.add(request.headers.authorization ?? '');
    if (told.broken) return void response.writeHead(500).end();
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
    if (pathname === '/api/v1/query_range') return void answerPast(searchParams, response);
    const query = searchParams.get('query') ?? '';
    if (query === 'queue_length') return void response.end(vector(told.queueLength + Math.random()));
    const number = /release="(\d+)"/.exec(query)?.[1] ?? '';
    const value = (told.orders.get(number) ?? 100) * (1 + Math.random() / 100);
    response.end(vector(value));
  });
  await new Promise<void>((done) => provider.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  bench = await WorkBench.start({ HOLDFAST_METRICS_ORIGINS: origin });
  await bench.machine.client('setSecret', {
    params: { name: 'METRICS_TOKEN' },
    body: { value: 'let-me-read' },
  });
  folder = await bench.repository(
    'app',
    { ...APP, '.holdfast/workflows/ship.yml': shipWorkflow, 'holdfast.yaml': config('v1') },
    3_600,
  );
  expect((await bench.run('app')).state).toBe('succeeded');
});
afterAll(async () => {
  await bench.stop();
  provider.close();
});

async function ship(version: string, change = (text: string) => text): Promise<RolloutView> {
  const before = (await bench.machine.client('showEnvironment', { params: at })).rollout?.id;
  bench.write(folder, { 'holdfast.yaml': change(config(version)) });
  bench.commit(folder, version);
  await bench.machine.client('startRun', { body: { repository: 'app', inputs: {} } });
  return until('the rollout to end', async () => {
    const { rollout } = await bench.machine.client('showEnvironment', { params: at });
    return rollout && rollout.id !== before && rollout.endedAt ? rollout : null;
  });
}

test('a metric that falls by more than its margin ends the release, and the sentence says by how much', async () => {
  told.orders.set('2', 60);
  const ended = await ship('v2');
  expect(ended.state).toBe('aborted');
  expect(ended.reason).toMatch(
    /orders is (39|40|41)\.\d % lower: more than the allowed 5\.0 %, and not by chance/,
  );
  const orders = ended.judgement?.metrics.find(({ metric }) => metric === 'orders');
  expect(orders).toMatchObject({ verdict: 'worse', unit: 'share', margin: 0.05 });
  expect([...told.tokens]).toEqual(['Bearer let-me-read']);
});

test('a provider that is away is said and is not a failure of the release', async () => {
  told.broken = true;
  const ended = await ship('v3');
  told.broken = false;
  expect(ended.state).toBe('done');
  const orders = ended.judgement?.metrics.find(({ metric }) => metric === 'orders');
  expect(orders).toMatchObject({ verdict: 'undecided' });
  expect(orders?.sentence).toContain('it answered 500');
});

test('what cannot tell the releases apart is compared with the time before, asked for until it is told', async () => {
  told.queueLength = 30;
  const ended = await ship('v4', (text) =>
    text
      .replace('name: orders', 'name: queue')
      .replace(/query: .*/, 'query: queue_length')
      .replace('direction: decrease', 'direction: increase'),
  );
  expect(ended.state).toBe('aborted');
  expect(ended.reason).toMatch(/queue is 1\d\d\.\d % higher: more than the allowed 5\.0 %/);
  expect(told.pastRefused).toBe(2);
});

test('controllers ask only where they were told they may', async () => {
  bench.write(folder, {
    'holdfast.yaml': config('v5').replace(
      'provider: prometheus',
      'provider: prometheus\n            url: http://169.254.169.254',
    ),
  });
  bench.commit(folder, 'v5');
  const run = await bench.run('app');
  expect(run.jobs.find((job) => job.key === 'deploy')?.reason).toContain(
    'controllers may not ask http://169.254.169.254',
  );
});
