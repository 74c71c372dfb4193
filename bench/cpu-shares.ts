import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { round } from './latency.ts';

/** Self time of a Node process by place, from its --cpu-prof file, within a window: its start is not its work. */
export type CpuShares = readonly { readonly where: string; readonly share: number }[];

interface CpuProfile {
  readonly startTime: number;
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly url: string; readonly functionName: string };
  }[];
  readonly samples: readonly number[];
  /** Microseconds between one sample and the one before. */
  readonly timeDeltas: readonly number[];
}

/** On the clock of `monotonicMicros`. */
interface Window {
  readonly from: number;
  readonly to: number;
}

const TOP = 12;

/** The clock that V8 stamps its samples with: the same in every process of a machine. */
export function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Over all profiles in the folder: a program may be several processes. */
export function readCpuShares(
  folder: string,
  window: Window,
): { readonly busyMs: number; readonly shares: CpuShares } {
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  if (files.length === 0) throw new Error(`no CPU profile was left in ${folder}`);
  const spent = new Map<string, number>();
  for (const file of files)
    addUp(JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile, window, spent);
  const busy = [...spent.values()].reduce((sum, took) => sum + took, 0);
  const shares = [...spent]
    .sort((one, other) => other[1] - one[1])
    .slice(0, TOP)
    .map(([where, took]) => ({ where, share: round(took / busy) }));
  return { busyMs: busy / 1000, shares };
}

function addUp(profile: CpuProfile, window: Window, spent: Map<string, number>): void {
  const places = new Map(profile.nodes.map((node) => [node.id, placeOf(node.callFrame)]));
  let at = profile.startTime;
  for (const [index, sample] of profile.samples.entries()) {
    const took = profile.timeDeltas[index] ?? 0;
    at += took;
    const place = places.get(sample) ?? 'unknown';
    if (place === '(idle)' || at < window.from || at > window.to) continue;
    spent.set(place, (spent.get(place) ?? 0) + took);
  }
}

function placeOf({ url, functionName }: { readonly url: string; readonly functionName: string }): string {
  if (url === '') return functionName.startsWith('(') ? functionName : `native ${functionName}`;
  const installed = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (installed) return installed;
  const own = /packages\/([^/]+)\/src\/(.+)$/.exec(url);
  return own ? `${own[1]}/${own[2]}` : url.replace(/^node:internal\/([^/]+).*$/, 'node:$1');
}
