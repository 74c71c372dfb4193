import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type CpuShares, monotonicMicros, readCpuShares } from '../cpu-shares.ts';
import { round } from '../latency.ts';
import { freePort, say, type Workbench } from '../workbench.ts';
import { drive } from './load.ts';
import { waitUntilServing } from './measure-proxy.ts';
import { routerWith } from './proxies/holdfast.ts';

/** Where Holdfast's router spends a request's CPU, in a run of its own: being looked at costs something. */
export interface RouterProfile {
  readonly requests: number;
  readonly cpuMicrosPerRequest: number;
  readonly cpu: CpuShares;
}

export async function profileRouter(
  workbench: Workbench,
  how: { readonly upstream: number; readonly seconds: number },
): Promise<RouterProfile> {
  say('holdfast: profile');
  const folder = join(workbench.folder, 'cpu-router');
  mkdirSync(folder, { recursive: true });
  const proxy = routerWith('holdfast-profiled', { kind: 'none' }, ['--cpu-prof', `--cpu-prof-dir=${folder}`]);
  const port = await freePort();
  const running = await proxy.start(workbench, { listen: port, upstream: how.upstream });
  await waitUntilServing(running, port);
  await drive(workbench, { port, seconds: 1, thinkMs: 0 });
  const from = monotonicMicros();
  const { requests } = await drive(workbench, { port, seconds: how.seconds, thinkMs: 0 });
  const to = monotonicMicros();
  await running.stop();
  const { busyMs, shares } = readCpuShares(folder, { from, to });
  return { requests, cpuMicrosPerRequest: round((busyMs * 1000) / requests), cpu: shares };
}
