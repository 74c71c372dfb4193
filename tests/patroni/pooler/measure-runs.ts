import type { Client } from '@holdfast/contract/api/client.ts';
import { createClient } from '@holdfast/contract/api/client.ts';
import { newId } from '@holdfast/contract/id.ts';
import { until } from '../../chaos/until.ts';
import { STEPS } from '../../chaos/workload/plan.ts';
import { REPOSITORY } from '../../chaos/workload/repository.ts';
import type { Installation } from '../cluster/installation.ts';

/**
 * Runs of ten steps, one after the other so that a slot is always free, asked for at one controller
 * and then at the other: only a hint tells the controller that the agents wait at. Every answer of a
 * controller is looked at; 5xx is an error that reached a user.
 */
export interface MeasuredRun {
  readonly id: string;
  readonly trigger: string;
  readonly askedAt: number;
  readonly askedOf: number;
  readonly state: string;
}

const STEP_SECONDS = 0.02;
const RUN_LIMIT_MS = 60_000;

export async function measureRuns(
  installation: Installation,
  count: number,
  errors: string[],
): Promise<readonly MeasuredRun[]> {
  const runs: MeasuredRun[] = [];
  const clients = installation.addresses.map((address) => watched(installation, address, errors));
  for (let number = 0; number < count; number += 1) {
    const askedOf = number % clients.length;
    const client = clients[askedOf] as Client;
    const trigger = `m${number}`;
    const inputs = { trigger, plan: Array(STEPS).fill(STEP_SECONDS).join(' ') };
    const askedAt = Date.now();
    const asked = await client('startRun', { body: { id: newId(), repository: REPOSITORY, inputs } });
    const ended = await until(
      `run ${trigger} to end`,
      async () => {
        const { runs: made } = await client('showTrigger', { params: { id: asked.trigger } });
        const run = made[0] ? await client('showRun', { params: { id: made[0] } }) : null;
        return run?.endedAt ? run : null;
      },
      { limitMs: RUN_LIMIT_MS, everyMs: 200 },
    );
    runs.push({ id: ended.id, trigger, askedAt, askedOf, state: ended.state });
  }
  return runs;
}

/** One controller's client that writes down every answer of 500 and above. */
function watched(installation: Installation, address: string, errors: string[]): Client {
  return createClient({
    controllers: [address],
    token: installation.token,
    timeoutMs: 10_000,
    fetch: async (input, init) => {
      const answer = await fetch(input, init);
      if (answer.status >= 500) errors.push(`${answer.status} ${await answer.clone().text()}`);
      return answer;
    },
  });
}
