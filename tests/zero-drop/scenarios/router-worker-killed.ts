import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../chaos/until.ts';
import { treeOf } from '../../patroni/cluster/process-table.ts';
import { nowMs } from '../clock.ts';
import type { Flight } from '../load/flight.ts';
import { HEARD_MS, killNow, killOf } from './instance-killed.ts';
import type { Kill, Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/**
 * kill -9 of a router's busiest worker. Whose connections go down with it is read from /proc just
 * before.
 */
const AFTERMATH_MS = 3_000;
const KILLS = 3;
const WORKERS_BACK_LIMIT_MS = 20_000;

export const ROUTER_WORKER_KILLED: Scenario = {
  name: 'router-worker-killed',
  needs: ['canary'],
  rounds: { usual: 1, quick: 1, further: 0 },
  perform: async (stage) => {
    const kills: Kill[] = [];
    for (let count = 0; count < KILLS; count += 1) kills.push(await killWorker(stage));
    return { cutOvers: 0, kills };
  },
};

async function killWorker({ installation, load }: Stage): Promise<Kill> {
  const holder = installation.routerPid;
  const worker = await busiestOf({ installation, load });
  const before = workersOf(holder);
  const others = before.filter((pid) => pid !== worker);
  // The others first: what one of them takes later is counted as nobody's, never the other way round.
  const elsewhere = clientPorts(installation.port, others);
  const clients = clientPorts(installation.port, [holder, worker]);
  const { from, to } = killNow(worker);
  await sleep(AFTERMATH_MS);
  const isOn = ({ localPort, startedAt, problem }: Flight) =>
    // Until its client has heard that the connection is gone it may send on it.
    (localPort !== null && clients.has(localPort) && startedAt < to + HEARD_MS) ||
    // Still in the kernel's queue at the look, or not yet connected: nobody can say who took it. Of these,
    // the ones that ended badly.
    (problem !== null && startedAt <= to && (localPort === null || !elsewhere.has(localPort)));
  const on = (await load.window(from, to + HEARD_MS)).filter(isOn);
  await until('the holder to have forked another worker', () => workersOf(holder).length >= before.length, {
    limitMs: WORKERS_BACK_LIMIT_MS,
  });
  return killOf(`worker ${worker}`, { on, at: from });
}

/**
 * The worker that carries most of what is under way. Workers accept by themselves, and one may hold many
 * idle connections: killing it would show nothing.
 */
async function busiestOf({ installation, load }: Pick<Stage, 'installation' | 'load'>): Promise<number> {
  let busiest = { worker: 0, carries: 0 };
  const look = async () => {
    const open = await load.window(nowMs(), nowMs());
    const ports = new Set(open.flatMap(({ localPort }) => localPort ?? []));
    for (const worker of workersOf(installation.routerPid)) {
      const carries = [...clientPorts(installation.port, [worker])].filter((port) => ports.has(port)).length;
      if (carries > busiest.carries) busiest = { worker, carries };
    }
    return busiest.carries > 0;
  };
  await until('a worker to carry requests', look, { limitMs: WORKERS_BACK_LIMIT_MS });
  return busiest.worker;
}

function workersOf(holder: number): readonly number[] {
  return treeOf(holder).filter((pid) => pid !== holder);
}

/** The clients' ends of the router's connections that these processes hold. */
function clientPorts(routerPort: number, pids: readonly number[]): ReadonlySet<number> {
  const held = new Set(pids.flatMap(socketsOf));
  const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
  const ports = rows.flatMap((row) => {
    const [, local = '', remote = '', , , , , , , inode = ''] = row.trim().split(/\s+/);
    return portOf(local) === routerPort && held.has(inode) ? [portOf(remote)] : [];
  });
  return new Set(ports);
}

function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16);
}

function socketsOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1] ?? [];
    } catch {
      // Closed in between.
      return [];
    }
  });
}
