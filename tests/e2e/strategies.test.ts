import { type Client, createClient } from '@holdfast/contract/api/client.ts';
import type { EnvironmentView, RolloutView } from '@holdfast/contract/api/resources.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { WorkBench, workflow } from './work-bench.ts';

/** Three environments of one app, one a strategy, and what people do with them. */
let bench: WorkBench;
let folder: string;
let ports: {
  readonly rolling: number;
  readonly blue: number;
  readonly canary: number;
  readonly preview: number;
};

type Name = 'rolling' | 'blue' | 'canary';
const NAMES: readonly Name[] = ['rolling', 'blue', 'canary'];

const APP = {
  'server.js': `require('node:http').createServer((q, a) => {
  if (q.url === '/report') return a.end(JSON.stringify({ release: process.env.HOLDFAST_RELEASE, ready: true }));
  a.setHeader('x-mirrored', String(global.mirrored ?? 0));
  if (q.headers['x-holdfast-mirror']) global.mirrored = (global.mirrored ?? 0) + 1;
  a.end(process.env.VERSION);
}).listen(process.env.PORT, '127.0.0.1');\n`,
};

const deployJob = (environment: string) => `  ${environment}:
    needs: ship
    runs-on: self-hosted
    steps:
      - uses: holdfast/deploy@v1
        with: { environment: ${environment}, artifact: "\${{ needs.ship.outputs.artifact }}" }
`;

const SHIP = workflow(`  ship:
    runs-on: self-hosted
    outputs: { artifact: "\${{ steps.p.outputs.artifact }}" }
    steps:
      - uses: actions/checkout@v4
      - id: p
        uses: holdfast/publish@v1
        with: { name: app, path: . }
${NAMES.map(deployJob).join('')}`);

const QUICK = '{ dwell: 300ms, deadline: 600ms, warmup: 100ms }';

const config = (version: string) => `version: 1
app: app
environments:
  rolling:
    target: { command: [node, server.js], replicas: 4, env: { VERSION: "${version}" } }
    readiness: { path: /, successes: 1, interval: 200ms }
    drain: { deadline: 5s, grace: 2s }
    traffic: { listen: ${ports.rolling} }
    strategy: { kind: rolling, batch: 1, surge: 1, soak: 100ms, analysis: ${QUICK} }
  blue:
    mirrors: rolling
    target: { replicas: 2 }
    readiness: { path: /report }
    traffic: { listen: ${ports.blue} }
    strategy: { kind: blueGreen, gate: manual, preview: { listen: ${ports.preview} }, soak: 100ms, analysis: ${QUICK} }
  canary:
    mirrors: rolling
    target: { replicas: 2 }
    traffic: { listen: ${ports.canary} }
    approvals: { count: 1 }
    strategy:
      kind: canary
      soak: 100ms
      analysis: ${QUICK}
      steps: [{ weight: 0%, gate: manual, dwell: 1s, mirror: 100%, header: { name: X-Canary, value: "1" } }, 50%]
`;

const at = (environment: Name) => ({ app: 'app', environment });
const view = (name: Name): Promise<EnvironmentView> =>
  bench.machine.client('showEnvironment', { params: at(name) });
const rolloutOf = async (name: Name): Promise<RolloutView> => (await view(name)).rollout as RolloutView;
const steer = (id: string, verb: 'advance' | 'abort' | 'retry' | 'pause' | 'resume') =>
  bench.machine.client('steerRollout', { params: { id, verb } });
const reach = (name: Name, state: RolloutView['state']) =>
  until(`${name} to be ${state}`, async () => {
    const rollout = await rolloutOf(name);
    return rollout.state === state ? rollout : null;
  });

async function ask(port: number, headers: Record<string, string> = {}): Promise<string> {
  return fetch(`http://127.0.0.1:${port}/`, { headers }).then(
    (response) => response.text(),
    () => 'nobody',
  );
}

/** A new version of everything; the environments start by themselves, each in its own way. */
async function push(version: string): Promise<void> {
  bench.write(folder, { 'holdfast.yaml': config(version) });
  bench.commit(folder, version);
  await bench.machine.client('startRun', { body: { repository: 'app', inputs: {} } });
  for (const name of NAMES)
    await until(`${name} to hear of ${version}`, async () => {
      const { config: changes } = await changesOf(name);
      return changes.some((change) => change.to === version);
    });
}

async function changesOf(name: Name) {
  const { stable, rollout } = await view(name);
  const [from, to] = [stable?.number ?? 0, rollout?.candidate.number ?? 0];
  if (from === to) return { config: [] };
  return bench.machine.client('diffReleases', { params: at(name), query: { from, to } });
}

/** Asks the address until told to stop; what was not answered, and by whom. */
function load(port: number): {
  stop(): Promise<{ readonly asked: number; readonly odd: readonly string[] }>;
} {
  let running = true;
  let asked = 0;
  const odd: string[] = [];
  const work = async () => {
    while (running) {
      const text = await ask(port);
      asked += 1;
      if (!/^v\d$/.test(text)) odd.push(text);
    }
  };
  const workers = [work(), work(), work()];
  return {
    stop: async () => {
      running = false;
      await Promise.all(workers);
      return { asked, odd };
    },
  };
}

beforeAll(async () => {
  bench = await WorkBench.start();
  const [rolling, blue, canary, preview] = await Promise.all([1, 2, 3, 4].map(() => freePorts(1)));
  ports = { rolling: rolling ?? 0, blue: blue ?? 0, canary: canary ?? 0, preview: preview ?? 0 };
  folder = await bench.repository(
    'app',
    { ...APP, '.holdfast/workflows/ship.yml': SHIP, 'holdfast.yaml': config('v1') },
    3_600,
  );
  await bench.machine.client('startRun', { body: { repository: 'app', inputs: {} } });
  await until('the canary environment to exist', () => rolloutOf('canary').catch(() => null));
  await bench.machine.client('answerRollout', {
    params: { id: (await reach('canary', 'awaitingApproval')).id, answer: 'approve' },
  });
  for (const name of NAMES)
    await until(`v1 to serve in ${name}`, async () => (await ask(ports[name])) === 'v1');
});
afterAll(() => bench.stop());

test('readiness that names its release is full, a plain answer is shallow, and doctor and plan say so', async () => {
  expect((await view('blue')).readiness).toBe('full');
  expect((await view('rolling')).readiness).toBe('shallow');
  const { sentences } = await bench.machine.client('planDeploy', { params: at('rolling') });
  expect(sentences).toContain(
    'Readiness is shallow: a plain 200 is believed, and no business probe is asked.',
  );
});

test('rolling replaces instances a batch at a time and drops nothing; an abort brings stable back', async () => {
  const during = load(ports.rolling);
  await push('v2');
  const most = { instances: 0 };
  await until('v2 to be all there is', async () => {
    const { instances, rollout } = await view('rolling');
    most.instances = Math.max(most.instances, instances.length);
    return rollout?.state === 'done' ? rollout : null;
  });
  const { asked, odd } = await during.stop();
  expect(odd).toEqual([]);
  expect(asked).toBeGreaterThan(50);
  expect(most.instances).toBeLessThanOrEqual(5);
  const { history } = await rolloutOf('rolling');
  expect([...new Set(history.map((entry) => entry.weight))]).toEqual([0, 2_500, 5_000, 7_500, 10_000]);
  expect((await bench.machine.client('listReleases', { params: at('rolling') })).items[1]?.returnable).toBe(
    'cold',
  );
});

test('blue-green shows the candidate under its own address, switches by hand and goes back at once', async () => {
  const held = await reach('blue', 'held');
  expect(held).toMatchObject({ heldFor: 'gate', weight: 0 });
  await until('the preview to open', async () => (await ask(ports.preview)) === 'v2');
  expect(await ask(ports.blue)).toBe('v1');
  const during = load(ports.blue);
  await steer(held.id, 'advance');
  await until('v2 to serve', async () => (await ask(ports.blue)) === 'v2');
  await reach('blue', 'done');
  await until('the preview to close', async () => (await ask(ports.preview)) === 'nobody');
  const startedAt = performance.now();
  await bench.machine.client('rollBack', { params: at('blue'), body: {} });
  await until('v1 to serve again', async () => (await ask(ports.blue)) === 'v1');
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect((await during.stop()).odd).toEqual([]);
});

test('a canary waits for approval and gate; who asks by header gets it, copies reach it, users do not', async () => {
  const asked = await reach('canary', 'awaitingApproval');
  expect(asked.approvals).toMatchObject({ needed: 1, given: [] });
  await bench.machine.client('answerRollout', { params: { id: asked.id, answer: 'approve' } });
  const held = await reach('canary', 'held');
  expect(held.approvals.given).toHaveLength(1);
  expect(await ask(ports.canary, { 'x-canary': '1' })).toBe('v2');
  for (let n = 0; n < 20; n += 1) expect(await ask(ports.canary)).toBe('v1');
  await steer(held.id, 'advance');
  await until('copies to reach the candidate', async () => {
    await ask(ports.canary);
    const answer = await fetch(`http://127.0.0.1:${ports.canary}/`, { headers: { 'x-canary': '1' } });
    return Number(answer.headers.get('x-mirrored')) > 0;
  });
  await reach('canary', 'done');
  expect(await ask(ports.canary)).toBe('v2');
});

test('a plan says what each strategy would do here, and checks the artifact it is given', async () => {
  const { items } = await bench.machine.client('listArtifacts', { query: { name: 'app' } });
  const plan = (name: Name, artifact?: string) =>
    bench.machine.client('planDeploy', { params: at(name), query: artifact ? { artifact } : {} });
  expect(await plan('rolling')).toMatchObject({
    strategy: 'rolling',
    replicas: 4,
    steps: [{ weight: 2_500 }, {}, {}],
  });
  expect(await plan('blue')).toMatchObject({
    strategy: 'blueGreen',
    steps: [{ weight: 10_000, gate: true }],
  });
  const { sentences } = await plan('canary', `app@${items[0]?.digest}`);
  expect(sentences.at(-1)).toContain('this installation signed them');
  await expect(plan('canary', `app@sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({
    code: 'artifactUnknown',
  });
});

test('who asks for a rollout does not approve it; another person does, and may reject it', async () => {
  const { items } = await bench.machine.client('listArtifacts', { query: { name: 'app' } });
  const { rollout: id } = await bench.machine.client('deploy', {
    params: at('canary'),
    body: { artifact: `app@${items.at(-1)?.digest}` },
  });
  await reach('canary', 'awaitingApproval');
  const answer = (client: Client, word: 'approve' | 'reject') =>
    client('answerRollout', { params: { id, answer: word } });
  await expect(answer(bench.machine.client, 'approve')).rejects.toMatchObject({ code: 'approverUnfit' });
  const { text } = await bench.machine.client('createToken', { body: { name: 'ada', scopes: ['write'] } });
  await answer(createClient({ controllers: bench.machine.addresses, token: text }), 'reject');
  expect((await reach('canary', 'aborted')).reason).toBe('rejected by ada');
});

test('a frozen environment starts nothing but a way back; an aborted release is tried again by hand', async () => {
  const freeze = { until: new Date(Date.now() + 3_600_000).toISOString(), why: 'the audit' };
  await bench.machine.client('freeze', { params: at('rolling'), body: { freeze } });
  const { items } = await bench.machine.client('listArtifacts', { query: { name: 'app' } });
  const { rollout } = await bench.machine.client('deploy', {
    params: at('rolling'),
    body: { artifact: `app@${items.at(-1)?.digest}` },
  });
  await until('the rollout to say why it waits', async () =>
    (await rolloutOf('rolling')).reason?.includes('the audit'),
  );
  expect((await view('rolling')).frozen).toMatchObject({ why: 'the audit' });
  expect(await bench.machine.client('why', { params: { id: rollout } })).toMatchObject({
    sentence: expect.stringContaining('the audit'),
  });
  await steer(rollout, 'pause');
  await reach('rolling', 'paused');
  await steer(rollout, 'resume');
  await until('the freeze to hold who was resumed, too', async () => {
    const seen = await rolloutOf('rolling');
    return seen.state === 'planned' && seen.reason?.includes('the audit');
  });
  const goBack = () => bench.machine.client('rollBack', { params: at('rolling'), body: {} });
  const [back, typedTwice] = await Promise.all([goBack(), goBack()]);
  expect(typedTwice.rollout).toBe(back.rollout);
  await until('the way back', async () => {
    const seen = await bench.machine.client('showRollout', { params: { id: back.rollout } });
    return seen.state === 'rolledBack';
  });
  expect(await ask(ports.rolling)).toBe('v1');
  await bench.machine.client('freeze', { params: at('rolling'), body: { freeze: null } });
  await steer(rollout, 'retry');
  const again = await until('the release to be rolled out again', async () => {
    const seen = await rolloutOf('rolling');
    return seen.id !== back.rollout && seen.state === 'analysing' ? seen : null;
  });
  const during = load(ports.rolling);
  await steer(again.id, 'abort');
  await reach('rolling', 'aborted');
  expect((await during.stop()).odd).toEqual([]);
  expect(await ask(ports.rolling)).toBe('v1');
});

test('a way back that is called off says so, and automation holds still all the same', async () => {
  const { rollout } = await bench.machine.client('rollBack', { params: at('rolling'), body: {} });
  await steer(rollout, 'abort');
  await until('the way back to end', async () => {
    const seen = await bench.machine.client('showRollout', { params: { id: rollout } });
    return seen.state === 'aborted';
  });
  expect((await view('rolling')).hold).toMatch(/^a rollback to release \d+ was asked for and aborted$/);
});
