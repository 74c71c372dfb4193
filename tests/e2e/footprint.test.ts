import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { WorkBench, workflow } from './work-bench.ts';

let bench: WorkBench;
let upMs: number;
beforeAll(async () => {
  const startedAt = performance.now();
  bench = await WorkBench.start();
  upMs = performance.now() - startedAt;
});
afterAll(() => bench.stop());

/** KiB, of one field of /proc/PID/smaps_rollup. */
function memory(pid: number, field: string): number {
  return Number(
    new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1],
  );
}

test('an idle controller stays under 200 MiB, an idle agent under 120 MiB, a shim under 1 MiB of its own', async () => {
  await new Promise((done) => setTimeout(done, 3_000));
  const processes = bench.machine.processes();
  const rss = (name: string) => memory(processes[name]?.pid ?? 0, 'Rss') / 1024;
  await bench.repository('idle', {
    '.holdfast/workflows/ci.yml': workflow(
      '  a:\n    runs-on: self-hosted\n    steps:\n      - run: sleep 5\n',
    ),
  });
  await bench.machine.client('startRun', { body: { repository: 'idle', inputs: {} } });
  const shimFile = await until('the shim', async () =>
    globSync(join(bench.machine.data, '*', 'jobs', '*', 'steps', '0', 'shim')).find((file) =>
      existsSync(file),
    ),
  );
  const shim = Number(readFileSync(shimFile, 'utf8').split(' ')[0]);
  const own = memory(shim, 'Private_Dirty') + memory(shim, 'Private_Clean');
  process.stderr.write(
    `up ${Math.round(upMs)} ms, controller ${Math.round(rss('controller-1'))} MiB, agents ${Math.round(rss('agent-1'))} and ${Math.round(rss('agent-2'))} MiB, shim ${own} KiB\n`,
  );
  expect(rss('controller-1')).toBeLessThan(200);
  expect(rss('agent-1')).toBeLessThan(120);
  expect(rss('agent-2')).toBeLessThan(120);
  expect(own).toBeLessThan(1024);
  expect(upMs).toBeLessThan(5_000);
});
