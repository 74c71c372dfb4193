import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { atLeast, atMost, type Bound } from './bound.ts';
import { ratio } from './latency.ts';
import { type CutOverFigures, measureCutOvers } from './router/cut-overs.ts';
import { CONNECTIONS } from './router/load.ts';
import { measureProxy, mergeRounds, type ProxyFigures } from './router/measure-proxy.ts';
import { profileRouter } from './router/profile.ts';
import { bareUndici } from './router/proxies/bare-undici.ts';
import { caddy } from './router/proxies/caddy.ts';
import { haproxy } from './router/proxies/haproxy.ts';
import { holdfast, holdfastSticky } from './router/proxies/holdfast.ts';
import { nginx } from './router/proxies/nginx.ts';
import type { Workbench } from './workbench.ts';
import { freePort } from './workbench.ts';

/**
 * What passing a request on costs, in requests per CPU second, beside three well-known proxies and
 * the bare parts that Holdfast's router is made of. Loopback, 1 kB answers, keep-alive on both sides.
 */
const PROXIES = [holdfast, bareUndici, haproxy, nginx, caddy, holdfastSticky] as const;
const UPSTREAM = fileURLToPath(new URL('./router/upstream.ts', import.meta.url));

export async function measureRouter({
  workbench,
  seconds,
}: {
  readonly workbench: Workbench;
  readonly seconds: number;
}) {
  requireTools();
  const upstream = await freePort();
  await workbench.startNode({ name: 'upstream', path: UPSTREAM, args: [String(upstream)] }).message(10_000);
  const rounds = new Map<string, ProxyFigures[]>(PROXIES.map((proxy) => [proxy.name, []]));
  // There and back again, twice: what drifts during the run meets everybody early and late, and one
  // process in JavaScript is compiled into a better program than the next one.
  const thereAndBack = [...PROXIES, ...PROXIES.toReversed()];
  for (const proxy of [...thereAndBack, ...thereAndBack]) {
    const figures = await measureProxy(workbench, proxy, { upstream, seconds: Math.ceil(seconds / 2) });
    rounds.get(proxy.name)?.push(figures);
  }
  const proxies = Object.fromEntries([...rounds].map(([name, figures]) => [name, mergeRounds(figures)]));
  const profile = await profileRouter(workbench, { upstream, seconds: Math.ceil(seconds / 2) });
  const cutOvers = await measureCutOvers(workbench, { program: UPSTREAM, seconds });
  const ratios = ratiosOf(proxies);
  return { bounds: boundsOf(ratios, cutOvers), ratios, connections: CONNECTIONS, cutOvers, proxies, profile };
}

/** Requests per CPU second: above 1 Holdfast needs less. p99 at each one's own half load: below 1 Holdfast is faster. */
function ratiosOf(proxies: { readonly [name: string]: ProxyFigures }) {
  const own = proxies.holdfast as ProxyFigures;
  const others = Object.entries(proxies).filter(([name]) => name !== 'holdfast');
  return {
    requestsPerCpuSecondOver: Object.fromEntries(
      others.map(([name, other]) => [name, ratio(own.requestsPerCpuSecond, other.requestsPerCpuSecond)]),
    ),
    p99AtHalfLoadOver: Object.fromEntries(
      others.map(([name, other]) => [name, ratio(own.half.p99Ms, other.half.p99Ms)]),
    ),
  };
}

/** Issue 4; p99 of a machine that others use is noise, so the median of the rounds counts. */
function boundsOf(
  { requestsPerCpuSecondOver: over }: ReturnType<typeof ratiosOf>,
  cutOvers: CutOverFigures,
): readonly Bound[] {
  return [
    atLeast('requests per CPU second over Caddy', over.caddy ?? 0, 1.5),
    atLeast('requests per CPU second over HAProxy', over.haproxy ?? 0, 0.25),
    atLeast('requests per CPU second over bare undici', over['bare-undici'] ?? 0, 0.8),
    atMost('p99 during cut-overs over p99 without', cutOvers.p99Ratio, 1.2),
    atMost('requests that failed during cut-overs', cutOvers.failed, 0),
  ];
}

function requireTools(): void {
  const missing = ['haproxy', 'nginx', 'caddy', 'wrk'].filter((name) => spawnSync(name, ['-v']).error);
  if (missing.length > 0)
    throw new Error(
      `${missing.join(', ')} not installed: apt-get install --no-install-recommends haproxy nginx-light caddy wrk (and leave their services stopped)`,
    );
}
