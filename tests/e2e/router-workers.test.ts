import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { APP, config, shipWorkflow, WorkBench } from './work-bench.ts';

/** The router's workers are replaced, or die; its holder dies, and they start another. */
let bench: WorkBench;
let port: number;

beforeAll(async () => {
  bench = await WorkBench.start();
  port = await freePorts(1);
  await bench.machine.client('setSecret', { params: { name: 'API_KEY' }, body: { value: 'key' } });
  const files = { ...APP, '.holdfast/workflows/ship.yml': shipWorkflow, 'holdfast.yaml': config(port, 'v1') };
  await bench.repository('app', files, 3_600);
  expect((await bench.run('app')).state).toBe('succeeded');
  await until('every worker to serve', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(new Agent())));
    return answers.every((status) => status === 200);
  });
});
afterAll(async () => {
  await bench.stop();
  // Also a holder that its workers started goes with the rest.
  expect(await ask(new Agent())).toBe(0);
});

function ask(agent: Agent): Promise<number> {
  return new Promise((done) => {
    const sent = get({ host: '127.0.0.1', port, path: '/', agent, timeout: 5_000 }, (answer) => {
      answer.resume().on('end', () => done(answer.statusCode ?? 0));
    });
    sent.on('timeout', () => sent.destroy()).on('error', () => done(0));
  });
}

/** Users on kept and on fresh connections; what was not answered 200. */
function load() {
  let running = true;
  const odd: number[] = [];
  let asked = 0;
  const user = async (agent: Agent) => {
    for (; running; await sleep(5)) {
      const status = await ask(agent);
      asked += 1;
      if (status !== 200) odd.push(status);
    }
    agent.destroy();
  };
  const users = [1, 2, 3, 4].map((n) => user(new Agent({ keepAlive: n % 2 === 0, maxSockets: 1 })));
  return {
    stop: async () => {
      running = false;
      await Promise.all(users);
      return { asked, odd };
    },
  };
}

const holder = () => bench.machine.processes()['router app/production']?.pid ?? 0;

function record(): { readonly pid: number; readonly standIn: { readonly pid: number } | null } {
  const file = join(bench.machine.data, 'routers', 'app-production', `holder-${port}.json`);
  return JSON.parse(readFileSync(file, 'utf8'));
}

async function workers(): Promise<readonly string[]> {
  const { routers } = await bench.machine.client('showEnvironment', {
    params: { app: 'app', environment: 'production' },
  });
  return routers.flatMap(({ id, workers: count, mute }) => [`${id} ${count} ${mute}`]);
}

test('workers are replaced one after the other without a failed request', async () => {
  const during = load();
  for (let time = 0; time < 3; time += 1) {
    process.kill(holder(), 'SIGHUP');
    await sleep(4_000);
  }
  const { asked, odd } = await during.stop();
  expect(odd).toEqual([]);
  expect(asked).toBeGreaterThan(200);
});

test('a worker that dies is replaced, and its successor says so: nobody waits for its word', async () => {
  const before = await until('the workers that were replaced to be gone', async () => {
    const now = await workers();
    return now.length === 1 && now[0]?.endsWith(' 2 0') ? now : null;
  });
  const [first = ''] = readFileSync(`/proc/${holder()}/task/${holder()}/children`, 'utf8').split(' ');
  process.kill(Number(first), 'SIGKILL');
  await until('its successor to have spoken for it', async () => {
    const [now] = await workers();
    return (
      now === before[0] &&
      readFileSync(`/proc/${holder()}/task/${holder()}/children`, 'utf8').trim().split(' ').length === 2
    );
  });
  await sleep(6_000);
  expect(await workers()).toEqual(before);
  expect(await ask(new Agent())).toBe(200);
});

test('a holder that is killed is followed by another before anybody notices, and looked after again', async () => {
  const during = load();
  await sleep(500);
  const died = holder();
  process.kill(died, 'SIGKILL');
  await until('its successor to be looked after', async () => {
    const { pid, standIn } = record();
    return pid !== died && standIn?.pid === holder() && holder() !== pid;
  });
  const { asked, odd } = await during.stop();
  expect(odd).toEqual([]);
  expect(asked).toBeGreaterThan(100);
});
