import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceView } from '@holdfast/contract/api/resources.ts';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import { nowMs } from '../clock.ts';
import { ENVIRONMENT } from '../cluster/installation.ts';
import type { Flight } from '../load/flight.ts';
import type { Kill, Scenario } from './scenario.ts';
import { drained, follow, type Stage } from './stage.ts';

/**
 * kill -9 of an instance that serves: once while a rollout shifts traffic, once in peace. What was
 * in flight on it is read from its journal, which it wrote until the moment it died.
 */
const AFTERMATH_MS = 3_000;
const DEATH_LIMIT_MS = 1_000;
/** How long a client may not have heard yet that a kept connection is gone. */
export const HEARD_MS = 250;

export const INSTANCE_KILLED: Scenario = {
  name: 'instance-killed',
  needs: ['canary'],
  rounds: { usual: 2, quick: 1, further: 1 },
  perform: async (stage, turn) => {
    const kills: Promise<Kill>[] = [];
    let analysed = 0;
    await follow(stage, await stage.shipping.release('canary'), {
      turn,
      expect: 'done',
      strikes: false,
      entered: (state) => {
        if (state !== 'analysing') return;
        analysed += 1;
        if (analysed === 2) kills.push(killInstance(stage));
      },
    });
    await drained(stage);
    kills.push(killInstance(stage));
    const done = await Promise.all(kills);
    await drained(stage);
    return { cutOvers: 1, kills: done };
  },
};

async function killInstance(stage: Stage): Promise<Kill> {
  const { installation, journals, load } = stage;
  const { instances } = await installation.patiently('the instances', () =>
    installation.client('showEnvironment', { params: ENVIRONMENT }),
  );
  const serving = instances.filter(({ group, state }) => group === 'stable' && state === 'ready');
  const victim = stage.random.pick(serving);
  const group = shimOf(stage, victim);
  const { from, to } = killNow(-group);
  await sleep(AFTERMATH_MS);
  const flights = await load.window(from, to + HEARD_MS);
  journals.read();
  const begun = journals.begunOn(victim.id);
  // A message on a WebSocket goes with it, also one sent before its client has heard that it is gone.
  const wasOn = ({ id, carrier }: Flight) => begun.has(id) || (carrier !== null && begun.has(carrier));
  // Sent to it and not read, also before the router has heard that it is gone: no journal knows it. Others
  // know what they were given instead.
  const unread = ({ id, problem }: Flight) => problem !== null && journals.reached(id).length === 0;
  const on = flights.filter((flight) => wasOn(flight) || unread(flight));
  return killOf(`instance ${victim.id}`, { on, at: from });
}

/** A signal is on its way for a moment in which its target still works; looked at without a pause. */
export function killNow(target: number): { readonly from: number; readonly to: number } {
  const from = nowMs();
  process.kill(target, 'SIGKILL');
  while (startTimeOf(Math.abs(target)) !== null && nowMs() < from + DEATH_LIMIT_MS);
  return { from, to: nowMs() };
}

export function killOf(
  what: string,
  { on, at }: { readonly on: readonly Flight[]; readonly at: number },
): Kill {
  const lost = on.filter(({ problem }) => problem !== null);
  const ends = lost.map(({ endedAt }) => (endedAt ?? Number.POSITIVE_INFINITY) - at);
  return {
    what,
    inFlight: on.length,
    lost: lost.map(({ id }) => id),
    slowestEndMs: Math.max(0, ...ends),
  };
}

/** The leader of the process group that the instance and its shim are. */
function shimOf({ installation }: Stage, { id }: InstanceView): number {
  const [file] = globSync(join(installation.scene.root, 'agents', '*', 'instances', id, 'shim', 'shim'));
  if (!file) throw new Error(`no agent has instance ${id}`);
  return Number(readFileSync(file, 'utf8').split(' ')[0]);
}
