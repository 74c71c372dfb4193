import { setTimeout as sleep } from 'node:timers/promises';
import { round } from '../latency.ts';
import { freePort, type Started, say, type Workbench } from '../workbench.ts';
import { cpuSecondsOf } from './cpu-time.ts';
import { CONNECTIONS, drive, type Load } from './load.ts';
import { measureNewcomers, type Newcomers } from './newcomers.ts';
import type { BenchProxy } from './proxy.ts';

export interface ProxyFigures {
  readonly requestsPerCpuSecond: number;
  readonly requestsPerCpuSecondByRound: readonly number[];
  readonly cpuSeconds: number;
  /** Whether the proxy used a whole core: if not, something else was the limit, and the figure is a lower bound. */
  readonly coresUsed: number;
  readonly full: Load;
  readonly half: Load;
  /** One a round. */
  readonly newcomers: readonly Newcomers[];
}

const UP_LIMIT_MS = 20_000;
/** Until a program in JavaScript is compiled: a request costs it more before. */
const WARM_SECONDS = 6;

/** Warm, full load with the CPU read before and after, then half of what it just did. */
export async function measureProxy(
  workbench: Workbench,
  proxy: BenchProxy,
  how: { readonly upstream: number; readonly seconds: number },
): Promise<ProxyFigures> {
  const port = await freePort();
  const running = await proxy.start(workbench, { listen: port, upstream: how.upstream });
  await waitUntilServing(running, port);
  const load = { port, seconds: how.seconds };
  await drive(workbench, { ...load, seconds: WARM_SECONDS, thinkMs: 0 });
  say(`${proxy.name}: full load`);
  const before = cpuSecondsOf(running.pid);
  const full = await drive(workbench, { ...load, thinkMs: 0 });
  const cpuSeconds = cpuSecondsOf(running.pid) - before;
  // Little's law: a connection's turn at half the rate takes twice as long as at the full one, less what the answer takes.
  const turnMs = (CONNECTIONS / (full.perSecond / 2)) * 1000;
  say(`${proxy.name}: half load`);
  const half = await drive(workbench, { ...load, thinkMs: Math.max(0, turnMs - turnMs / 6) });
  say(`${proxy.name}: new connections beside busy ones`);
  const newcomers = await measureNewcomers(workbench, port);
  await running.stop();
  const perCpuSecond = round(full.requests / cpuSeconds);
  return {
    requestsPerCpuSecond: perCpuSecond,
    requestsPerCpuSecondByRound: [perCpuSecond],
    cpuSeconds: round(cpuSeconds),
    coresUsed: round((cpuSeconds * full.perSecond) / full.requests),
    full,
    half,
    newcomers: [newcomers],
  };
}

export async function waitUntilServing(running: Started, port: number): Promise<void> {
  const deadline = performance.now() + UP_LIMIT_MS;
  while (performance.now() < deadline && running.isRunning) {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } }).catch(
      () => null,
    );
    await answer?.arrayBuffer();
    if (answer?.status === 200) return;
    await sleep(50);
  }
  throw running.failure('did not serve');
}

/** Counts add up; rates and percentiles of the rounds are averaged. */
export function mergeRounds(rounds: readonly ProxyFigures[]): ProxyFigures {
  const full = mergeLoads(rounds.map((one) => one.full));
  const cpuSeconds = rounds.reduce((sum, one) => sum + one.cpuSeconds, 0);
  return {
    requestsPerCpuSecond: round(full.requests / cpuSeconds),
    requestsPerCpuSecondByRound: rounds.flatMap((one) => one.requestsPerCpuSecondByRound),
    cpuSeconds: round(cpuSeconds),
    coresUsed: mean(rounds.map((one) => one.coresUsed)),
    full,
    half: mergeLoads(rounds.map((one) => one.half)),
    newcomers: rounds.flatMap((one) => one.newcomers),
  };
}

function mergeLoads(loads: readonly Load[]): Load {
  return {
    requests: loads.reduce((sum, load) => sum + load.requests, 0),
    perSecond: mean(loads.map((load) => load.perSecond)),
    p50Ms: mean(loads.map((load) => load.p50Ms)),
    p99Ms: mean(loads.map((load) => load.p99Ms)),
    failed: loads.reduce((sum, load) => sum + load.failed, 0),
  };
}

function mean(values: readonly number[]): number {
  return round(values.reduce((sum, value) => sum + value, 0) / values.length);
}
