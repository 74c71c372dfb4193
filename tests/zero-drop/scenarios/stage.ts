import type { RolloutView } from '@holdfast/contract/api/resources.ts';
import type { Journal } from '../../chaos/journal.ts';
import type { Random } from '../../chaos/random.ts';
import { until } from '../../chaos/until.ts';
import type { Journals } from '../check/journals.ts';
import { ENVIRONMENT, type Installation } from '../cluster/installation.ts';
import type { Shipping } from '../cluster/shipping.ts';
import type { Nemesis, Victim } from '../faults/nemesis.ts';
import type { Load } from '../load/load-process.ts';

/** What every scenario plays on. */
export interface Stage {
  readonly installation: Installation;
  readonly shipping: Shipping;
  readonly load: Load;
  readonly nemesis: Nemesis;
  readonly journals: Journals;
  readonly journal: Journal;
  readonly random: Random;
}

export interface Following {
  /** Shifts who is struck first, so that over two cut-overs every state has seen both. */
  readonly turn: number;
  readonly expect: RolloutView['state'];
  readonly strikes?: boolean;
  /** Told once of every state the rollout has entered. */
  readonly entered?: (state: RolloutView['state'], rollout: RolloutView) => Promise<void> | void;
}

const CUT_OVER_LIMIT_MS = 90_000;
const DRAIN_LIMIT_MS = 60_000;
const LOOK_MS = 30;

/** Watches a rollout to its end and strikes at every change of its state. */
export async function follow(
  stage: Pick<Stage, 'installation' | 'nemesis' | 'journal'>,
  id: string,
  following: Following,
): Promise<RolloutView> {
  const { client } = stage.installation;
  const beganAt = performance.now();
  let seen = 0;
  const ended = await until(
    `rollout ${id} to be ${following.expect}`,
    async () => {
      const rollout = await client('showRollout', { params: { id } });
      for (const { state } of rollout.history.slice(seen)) {
        seen += 1;
        const victim: Victim = (seen + following.turn) % 2 === 0 ? 'controller' : 'agent';
        if (following.strikes !== false) stage.nemesis.strike(state, victim);
        await following.entered?.(state, rollout);
      }
      return rollout.endedAt === null ? null : rollout;
    },
    { limitMs: CUT_OVER_LIMIT_MS, everyMs: LOOK_MS },
  );
  const path = ended.history.map(({ state }) => state).join(' ');
  const seconds = ((performance.now() - beganAt) / 1_000).toFixed(1);
  stage.journal.tell(`release ${ended.candidate.number}: ${path} (${seconds} s)`);
  if (ended.state !== following.expect)
    stage.journal.miss(
      `a rollout that was to be ${following.expect} is ${ended.state}: ${ended.reason ?? 'no reason given'}`,
    );
  return ended;
}

/** Until nothing drains any more, which is when the last request of a cut-over could be lost. */
export async function drained({ installation, nemesis }: Stage): Promise<void> {
  await nemesis.mended();
  await until(
    'every former instance to be gone',
    async () => {
      const { instances } = await installation.client('showEnvironment', { params: ENVIRONMENT });
      return instances.every(({ state }) => state === 'ready');
    },
    { limitMs: DRAIN_LIMIT_MS, everyMs: 100 },
  );
}
