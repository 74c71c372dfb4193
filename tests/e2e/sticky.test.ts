import type { RolloutView } from '@holdfast/contract/api/resources.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { APP, shipWorkflow, WorkBench } from './work-bench.ts';

/** Users of a canary, from outside: who is on which release, and for how long. */
let bench: WorkBench;
let folder: string;
let port: number;
const at = { app: 'app', environment: 'production' };
const USERS = Array.from({ length: 80 }, (_, index) => `user-${index}`);

const config = (version: string, sticky: string) => `version: 1
app: app
environments:
  production:
    target: { command: [node, server.js], replicas: 2, env: { VERSION: "${version}" } }
    readiness: { path: /, successes: 1, interval: 100ms }
    drain: { deadline: 1s, grace: 1s }
    traffic: { listen: ${port}, sticky: "${sticky}" }
    strategy: { steps: [30%, 60%], soak: 100ms, analysis: { dwell: 60s, warmup: 0s } }
`;

beforeAll(async () => {
  bench = await WorkBench.start();
  port = await freePorts(1);
  folder = await bench.repository(
    'app',
    { ...APP, '.holdfast/workflows/ship.yml': shipWorkflow, 'holdfast.yaml': config('v1', 'cookie') },
    3_600,
  );
  expect((await bench.run('app')).state).toBe('succeeded');
});
afterAll(() => bench.stop());

async function push(version: string, sticky: string): Promise<void> {
  bench.write(folder, { 'holdfast.yaml': config(version, sticky) });
  bench.commit(folder, version);
  await bench.machine.client('startRun', { body: { repository: 'app', inputs: {} } });
}

/** The rollout of this release number, with so much traffic; everything: done. */
function reach(number: number, weight: number): Promise<RolloutView> {
  return until(`release ${number} to have ${weight / 100} %`, async () => {
    const { rollout } = await bench.machine.client('showEnvironment', { params: at });
    const there = weight === 10_000 ? rollout?.state === 'done' : rollout?.state === 'analysing';
    return rollout?.candidate.number === number && rollout.weight === weight && there ? rollout : null;
  });
}

/** Who asks, three times over, and what each of them was answered; all three answers of one must be the same. */
async function askAll(headersOf: (user: string) => Record<string, string>, seen: (answer: Response) => void) {
  const versions = new Map<string, string>();
  for (const user of USERS) {
    const answers = new Set<string>();
    for (let time = 0; time < 3; time += 1) {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: headersOf(user) });
      answers.add((await answer.text()).trim());
      seen(answer);
    }
    expect(answers.size, user).toBe(1);
    versions.set(user, [...answers][0] ?? '');
  }
  return versions;
}

const on = (versions: ReadonlyMap<string, string>, version: string) =>
  USERS.filter((user) => versions.get(user) === version);

/** A canary from 30 to 60 to 100 %: whoever came over stays, others follow, nobody goes back. */
async function nobodyGoesBack(
  { from, to, number }: { readonly from: string; readonly to: string; readonly number: number },
  ask: () => Promise<ReadonlyMap<string, string>>,
): Promise<void> {
  const steer = (id: string) =>
    bench.machine.client('steerRollout', { params: { id, verb: 'advance' }, body: {} });
  const { id } = await reach(number, 3_000);
  const first = on(await ask(), to);
  // 80 users at 30 %: outside of these with a chance of one in ten thousand.
  expect(first.length).toBeGreaterThan(8);
  expect(first.length).toBeLessThan(42);
  await steer(id);
  await reach(number, 6_000);
  const second = await ask();
  expect(on(second, to)).toEqual(expect.arrayContaining(first));
  expect(on(second, to).length).toBeGreaterThan(first.length);
  expect(on(second, from).length + on(second, to).length).toBe(USERS.length);
  await steer(id);
  await reach(number, 10_000);
  expect(on(await ask(), to)).toEqual(USERS);
}

test('a user with our cookie stays on one release for as long as a step lasts, and never goes back', async () => {
  const jar = new Map<string, string>();
  const ask = () => {
    let current = '';
    return askAll(
      (user): Record<string, string> => {
        current = user;
        const cookie = jar.get(user);
        return cookie ? { cookie } : {};
      },
      (answer) => {
        const [set] = answer.headers.getSetCookie();
        if (set) expect(jar.has(current), `${current} has a cookie and got another`).toBe(false);
        if (set) jar.set(current, set.split(';', 1)[0] ?? '');
      },
    );
  };
  await ask();
  expect(jar.size).toBe(USERS.length);
  await push('v2', 'cookie');
  await nobodyGoesBack({ from: 'v1', to: 'v2', number: 2 }, ask);
}, 120_000);

test('so does a user whom the app names in a header, without any cookie', async () => {
  await push('v3', 'header:X-User');
  const ask = () =>
    askAll(
      (user) => ({ 'x-user': user }),
      (answer) => expect(answer.headers.getSetCookie()).toEqual([]),
    );
  await nobodyGoesBack({ from: 'v2', to: 'v3', number: 3 }, ask);
}, 120_000);
