import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RolloutView } from '@holdfast/contract/api/resources.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { afterEach, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { usersOf } from './users.ts';
import { WorkBench } from './work-bench.ts';

/** The examples as they stand, each shipped twice and back under load from outside. */
const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const at = { app: 'shop', environment: 'production' };

let bench: WorkBench | undefined;
afterEach(async () => {
  await bench?.stop();
  bench = undefined;
});

function filesOf(name: string): Record<string, string> {
  const root = join(EXAMPLES, name);
  const paths = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.map((path) => [path.slice(root.length + 1), readFileSync(path, 'utf8')]));
}

class Example {
  readonly bench: WorkBench;
  readonly folder: string;
  readonly config: string;
  readonly port: number;
  readonly preview: number;

  private constructor(
    bench: WorkBench,
    folder: string,
    rest: { config: string; port: number; preview: number },
  ) {
    this.bench = bench;
    this.folder = folder;
    this.config = rest.config;
    this.port = rest.port;
    this.preview = rest.preview;
  }

  static async ship(name: string): Promise<Example> {
    bench = await WorkBench.start();
    const files = filesOf(name);
    const [port, preview] = [await freePorts(1), await freePorts(1)];
    const config = (files['holdfast.yaml'] ?? '')
      .replace('listen: 8080', `listen: ${port}`)
      .replace('listen: 8081', `listen: ${preview}`);
    const folder = await bench.repository('shop', { ...files, 'holdfast.yaml': config }, 3_600);
    const run = await bench.run('shop');
    expect(run.jobs.map((job) => job.reason)).toEqual(run.jobs.map(() => null));
    const example = new Example(bench, folder, { config, port, preview });
    await until('v1 to serve on every worker', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => example.ask()));
      return answers.every((text) => text.includes('v1'));
    });
    return example;
  }

  async ask(path = '/', port = this.port, cookie = ''): Promise<string> {
    return fetch(`http://127.0.0.1:${port}${path}`, { headers: { cookie } }).then(
      async (response) => `${response.status} ${await response.text()}`,
      (error: Error) => `nothing: ${error.message}`,
    );
  }

  async push(change: (config: string) => string): Promise<void> {
    this.bench.write(this.folder, { 'holdfast.yaml': change(this.config) });
    this.bench.commit(this.folder, 'change');
    await this.bench.machine.client('startRun', { body: { repository: 'shop', inputs: {} } });
  }

  async rollout(): Promise<RolloutView> {
    const { rollout } = await this.bench.machine.client('showEnvironment', { params: at });
    return rollout as RolloutView;
  }

  reach(number: number, state: RolloutView['state']): Promise<RolloutView> {
    return until(`release ${number} to be ${state}`, async () => {
      const rollout = await this.rollout();
      return rollout.candidate.number === number && rollout.state === state ? rollout : null;
    });
  }

  load(): { stop(): Promise<string[]> } {
    return usersOf(() => this.ask());
  }
}

/** Go is an optional part (tools/setup-optional.sh). In CI a missing one fails the build step, and the test. */
const withoutGo = spawnSync('go', ['version']).status !== 0 && process.env.CI === undefined;
if (withoutGo) process.stderr.write('02-rolling-go was not tested: there is no go here\n');

test.skipIf(withoutGo)('02: a Go server rolls forward and back without a failed request', async () => {
  const shop = await Example.ship('02-rolling-go');
  const during = shop.load();
  await shop.push((config) => config.replace('VERSION: v1', 'VERSION: v2'));
  await shop.reach(2, 'done');
  expect(await shop.ask()).toContain('v2');
  const { rollout } = await shop.bench.machine.client('rollBack', { params: at, body: {} });
  await until('the way back', async () => {
    const seen = await shop.bench.machine.client('showRollout', { params: { id: rollout } });
    return seen.state === 'rolledBack';
  });
  expect(await shop.ask()).toContain('v1');
  expect(await during.stop()).toEqual([]);
});

test('03: a Python server is looked at, switched by hand, and keeps its users logged in', async () => {
  const shop = await Example.ship('03-blue-green-python');
  const { client } = shop.bench.machine;
  const login = await fetch(`http://127.0.0.1:${shop.port}/login`, {
    method: 'POST',
    body: '{"user":"ada"}',
  });
  const cookie = login.headers.getSetCookie()[0]?.split(';', 1)[0] ?? '';
  const during = shop.load();
  await shop.push((config) => config.replace('VERSION: v1', 'VERSION: v2'));
  const held = await shop.reach(2, 'held');
  await until('the preview', async () => (await shop.ask('/', shop.preview)).includes('v2'));
  expect(await shop.ask()).toContain('v1');
  await client('steerRollout', { params: { id: held.id, verb: 'advance' } });
  await shop.reach(2, 'done');
  expect(await shop.ask('/account', shop.port, cookie)).toContain('ada');
  await shop.push((config) => config.replace('not-for-production', 'another-key'));
  const ended = await until('the release that would log everybody out to end', async () => {
    const rollout = await shop.rollout();
    return rollout.candidate.number === 3 && rollout.endedAt ? rollout : null;
  });
  expect(ended.reason).toContain(
    'a session that began on the stable release does not go on here: /account answered 401',
  );
  expect(await during.stop()).toEqual([]);
}, 240_000);
