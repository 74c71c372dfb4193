import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { EventView, RolloutView } from '@holdfast/contract/api/resources.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { shipWorkflow, WorkBench } from './work-bench.ts';

/** Releases that go wrong, each in its own way: what ends them, and the sentence that people read. */
const SERVER = `
const http = require('node:http'), fs = require('node:fs');
const how = process.env.HOW;
let served = 0; const open = [];
const server = http.createServer((request, response) => {
  if (request.url === '/readyz') return response.end('ok');
  if (request.url === '/probe') { response.statusCode = how === 'lies' || (how === 'sours' && served > 0) ? 500 : 200; return response.end('{}'); }
  served += 1;
  if (how === 'crashes' && served > 3) process.exit(7);
  if (how === 'eats' && served > 2) try { for (;;) open.push(fs.openSync('/dev/null')); } catch (error) { response.statusCode = 500; return response.end('no more files'); }
  if (request.url === '/hang') return;
  response.end(how);
});
server.listen(process.env.PORT, '127.0.0.1');
process.on('SIGTERM', () => how === 'good' ? server.close(() => process.exit(0)) : process.exit(0));
`;

let bench: WorkBench;
let folder: string;
let port: number;
const at = { app: 'app', environment: 'production' };

const config = (how: string, more = '') => `version: 1
app: app
environments:
  production:
    target: { command: [sh, -c, "ulimit -n 100; exec node server.js"], replicas: 2, env: { HOW: "${how}" } }
    readiness: { path: /readyz, successes: 1, interval: 100ms, deadline: 4s, probes: [{ path: /probe }] }
    drain: { deadline: 1s, grace: 500ms }
    traffic: { listen: ${port} }
    strategy:
      steps: [50%]
      soak: 100ms
      analysis: { dwell: 1s, deadline: 3s, warmup: 0s, minimumRequests: 20 }
${more}`;

beforeAll(async () => {
  bench = await WorkBench.start();
  port = await freePorts(1);
  folder = await bench.repository(
    'app',
    { 'server.js': SERVER, '.holdfast/workflows/ship.yml': shipWorkflow, 'holdfast.yaml': config('good') },
    3_600,
  );
  expect((await bench.run('app')).state).toBe('succeeded');
  // Each worker of the router hears of the first release by itself.
  await until('the good release to serve on every worker', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('/')));
    return answers.every(({ text }) => text === 'good');
  });
});
afterAll(() => bench.stop());

async function ask(
  path: string,
  limitMs = 5_000,
): Promise<{ readonly status: number; readonly text: string }> {
  return fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(limitMs) }).then(
    async (response) => ({ status: response.status, text: await response.text() }),
    (error: Error) => ({ status: 0, text: error.name }),
  );
}

/** Four users who ask one request after the other. */
function load() {
  let running = true;
  const seen = new Map<number, number>();
  const user = async () => {
    while (running) {
      const { status } = await ask('/');
      seen.set(status, (seen.get(status) ?? 0) + 1);
      await new Promise((done) => setTimeout(done, 10));
    }
  };
  const users = [user(), user(), user(), user()];
  return {
    stop: async () => {
      running = false;
      await Promise.all(users);
      return seen;
    },
  };
}

async function push(how: string): Promise<void> {
  bench.write(folder, { 'holdfast.yaml': config(how) });
  bench.commit(folder, how);
  await bench.machine.client('startRun', { body: { repository: 'app', inputs: {} } });
}

const current = async () =>
  (await bench.machine.client('showEnvironment', { params: at })).rollout as RolloutView;

async function endOf(before: string): Promise<RolloutView> {
  return until('the rollout to end', async () => {
    const rollout = await current();
    return rollout.id !== before && rollout.endedAt ? rollout : null;
  });
}

async function shipBad(how: string): Promise<RolloutView> {
  const before = (await current()).id;
  await push(how);
  return endOf(before);
}

test('a readiness that lies is found out by its probe, before any user meets it', async () => {
  const during = load();
  const ended = await shipBad('lies');
  expect(ended.state).toBe('aborted');
  expect(ended.reason).toContain('it says it is ready, but its probe /probe answered 500, expected 200');
  expect(ended.trafficSince).toBeNull();
  expect([...(await during.stop()).keys()]).toEqual([200]);
});

test('a probe that fails once users have come ends the release, though no user saw an error', async () => {
  const during = load();
  const ended = await shipBad('sours');
  expect(ended.state).toBe('aborted');
  expect(ended.trafficSince).not.toBeNull();
  expect(ended.reason).toContain('its probe /probe answered 500, expected 200');
  expect([...(await during.stop()).keys()]).toEqual([200]);
  expect(await ask('/')).toEqual({ status: 200, text: 'good' });
});

test('a release that crashes under traffic at 50 % is ended, and says with what code', async () => {
  const during = load();
  const ended = await shipBad('crashes');
  await during.stop();
  expect(ended.state).toBe('aborted');
  expect(ended.reason).toMatch(/keeps crashing: .*code 7|more than the allowed/);
  expect(await ask('/')).toEqual({ status: 200, text: 'good' });
});

test('a release that eats file descriptors fails beside stable and is ended by the judge', async () => {
  const during = load();
  const ended = await shipBad('eats');
  await during.stop();
  expect(ended.state).toBe('aborted');
  expect(ended.reason).toMatch(/of the candidate's requests failed|probe|crash/);
  expect(await ask('/')).toEqual({ status: 200, text: 'good' });
});

test('no traffic at all: probes decide, and the release is marked unjudged', async () => {
  const before = (await current()).id;
  await push('quiet');
  const ended = await endOf(before);
  expect(ended).toMatchObject({ state: 'done', unjudged: true });
  expect(ended.judgement?.verdict).toBe('insufficientData');
  expect(ended.judgement?.sentence).toContain('0 requests reached the candidate');
});

test('a drain that hangs ends at its deadline, and what was lost is told with its number', async () => {
  const hanging = Array.from({ length: 4 }, () => ask('/hang', 25_000));
  await new Promise((done) => setTimeout(done, 300));
  const before = (await current()).id;
  await push('good');
  expect(await endOf(before)).toMatchObject({ state: 'done' });
  // Two releases later nothing keeps the instances that hang.
  await push('better');
  await until('the loss to be told', async () => {
    const lost = (await events()).filter((event) => event.kind === 'requestsLost');
    return lost.length > 0 && lost.every((event) => Number(event.data.lost) > 0);
  });
  const { lostRequests } = await current();
  expect(lostRequests).toBeGreaterThan(0);
  expect((await Promise.all(hanging)).every(({ status }) => status !== 200)).toBe(true);
});

/** Everything that was told so far, read from the stream until it falls silent. */
async function events(): Promise<EventView[]> {
  const token = readFileSync(join(bench.machine.data, 'admin.token'), 'utf8').trim();
  const answer = await fetch(`${bench.machine.addresses[0]}/api/v1/events?after=0`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(1_000),
  });
  let text = '';
  const decoder = new TextDecoder();
  try {
    for await (const chunk of answer.body ?? []) text += decoder.decode(chunk, { stream: true });
  } catch {
    // The timeout ends the reading.
  }
  return [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] ?? '') as EventView);
}

test('two rollouts asked for at once: the newer one wins, and one at a time moves traffic', async () => {
  const { items } = await bench.machine.client('listArtifacts', { query: { name: 'app' } });
  const artifact = `app@${items[0]?.digest}`;
  const asked = await Promise.all(
    [1, 2].map(() => bench.machine.client('deploy', { params: at, body: { artifact } })),
  );
  const ended = await Promise.all(
    asked.map(({ rollout }) =>
      until('both to end', async () => {
        const seen = await bench.machine.client('showRollout', { params: { id: rollout } });
        return seen.endedAt ? seen : null;
      }),
    ),
  );
  expect(ended.map(({ state }) => state).sort()).toEqual(['done', 'superseded']);
  const loser = ended.find(({ state }) => state === 'superseded');
  expect(loser?.reason).toMatch(/superseded by release \d+/);
});

/** Passes bytes on until it is cut: then nothing comes through and nothing is refused. */
async function relayTo(target: number) {
  let cut = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    if (cut) return;
    const upstream = connect(target, '127.0.0.1');
    sockets.add(upstream);
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.on('data', (chunk) => cut || upstream.write(chunk)).on('close', () => upstream.destroy());
    upstream.on('data', (chunk) => cut || client.write(chunk)).on('close', () => client.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as { port: number }).port,
    cut: () => {
      cut = true;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test('a router that is cut off goes on, holds up an abort for no more than seconds, and is named', async () => {
  const relay = await relayTo(Number(new URL(bench.machine.addresses[0] ?? '').port));
  const own = await freePorts(1);
  const words = ['--environment', 'app/production', '--controller', `http://127.0.0.1:${relay.port}`];
  const child = spawn(
    process.execPath,
    [
      'packages/router/src/main.ts',
      ...words,
      ...['--token-file', join(bench.machine.data, 'router.token'), '--listen', `127.0.0.1:${own}`],
      ...['--data', join(bench.root, 'second-router'), '--workers', '1'],
    ],
    { stdio: 'ignore' },
  );
  try {
    const asked = () =>
      fetch(`http://127.0.0.1:${own}/`).then(
        (response) => response.status,
        () => 0,
      );
    await until('the second router to serve', async () => (await asked()) === 200);
    const { items } = await bench.machine.client('listArtifacts', { query: { name: 'app' } });
    const before = (await current()).id;
    await bench.machine.client('deploy', { params: at, body: { artifact: `app@${items[0]?.digest}` } });
    const rollout = await until('the candidate to have traffic', async () => {
      const seen = await current();
      return seen.id !== before && seen.state === 'analysing' ? seen : null;
    });
    relay.cut();
    const startedAt = performance.now();
    await bench.machine.client('steerRollout', { params: { id: rollout.id, verb: 'abort' } });
    await until('the abort', async () => (await current()).state === 'aborted');
    expect(performance.now() - startedAt).toBeLessThan(6_000);
    for (let n = 0; n < 20; n += 1) expect(await asked()).toBe(200);
    await until('the mute router to be named', async () => {
      const { routers } = await bench.machine.client('showEnvironment', { params: at });
      return routers.some((router) => router.mute > 0);
    });
  } finally {
    relay.close();
    // Not SIGKILL, which its worker outlives.
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    await ended;
  }
});
