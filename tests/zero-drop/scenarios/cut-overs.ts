import type { Strategy } from '../strategies.ts';
import type { Scenario } from './scenario.ts';
import { follow, type Stage } from './stage.ts';

const KINDS_OF_RELEASE: readonly Strategy[] = ['canary', 'rolling', 'blueGreen'];

/** The scenarios in which controllers and agents die, and no request may notice. */
export const CUT_OVERS: readonly Scenario[] = [
  released('rolling', 'rolling', { usual: 2, quick: 1, further: 1 }),
  released('blue-green', 'blueGreen', { usual: 3, quick: 1, further: 16 }),
  released('canary', 'canary', { usual: 2, quick: 1, further: 12 }),
  {
    name: 'abort',
    needs: ['canary', 'rolling', 'blueGreen'],
    rounds: { usual: 4, quick: 1, further: 12 },
    perform: async (stage, turn) => {
      await abort(stage, turn);
      return { cutOvers: 1 };
    },
  },
  {
    name: 'rollback',
    needs: ['canary', 'rolling', 'blueGreen'],
    rounds: { usual: 2, quick: 1, further: 6 },
    perform: async (stage, turn) => {
      await release(stage, inTurn(KINDS_OF_RELEASE, turn), turn);
      await rollBack(stage, turn);
      return { cutOvers: 2 };
    },
  },
  {
    name: 'rollback-of-a-rollback',
    needs: ['canary', 'rolling', 'blueGreen'],
    rounds: { usual: 2, quick: 1, further: 6 },
    perform: async (stage, turn) => {
      await release(stage, inTurn(KINDS_OF_RELEASE, turn + 2), turn);
      await rollBack(stage, turn);
      await rollBack(stage, turn + 1);
      return { cutOvers: 3 };
    },
  },
];

function released(name: string, strategy: Strategy, rounds: Scenario['rounds']): Scenario {
  return {
    name,
    needs: [strategy],
    rounds,
    perform: async (stage, turn) => {
      await release(stage, strategy, turn);
      return { cutOvers: 1 };
    },
  };
}

export async function release(stage: Stage, strategy: Strategy, turn: number): Promise<void> {
  await follow(stage, await stage.shipping.release(strategy), { turn, expect: 'done' });
}

async function rollBack(stage: Stage, turn: number): Promise<void> {
  await follow(stage, await stage.shipping.rollBack(), { turn, expect: 'rolledBack' });
}

/** Where it is called off: with a few users, batches, everybody, and on the last few metres. */
const ABORTS = [
  { strategy: 'canary', state: 'analysing', time: 1 },
  { strategy: 'rolling', state: 'analysing', time: 2 },
  { strategy: 'blueGreen', state: 'analysing', time: 1 },
  { strategy: 'canary', state: 'promoting', time: 1 },
] as const;

async function abort(stage: Stage, turn: number): Promise<void> {
  const at = inTurn(ABORTS, turn);
  let times = 0;
  const id = await stage.shipping.release(at.strategy);
  const ended = await follow(stage, id, {
    turn,
    expect: 'aborted',
    entered: async (state) => {
      if (state !== at.state) return;
      times += 1;
      if (times === at.time) await callOff(stage, id);
    },
  });
  // Aborted by itself is not what was to be shown.
  if (times < at.time) stage.journal.miss(`${at.strategy} never came to ${at.state}: ${ended.reason}`);
}

function inTurn<Item>(items: readonly Item[], turn: number): Item {
  return items[turn % items.length] as Item;
}

export async function callOff({ installation, journal }: Stage, id: string): Promise<void> {
  await installation
    .patiently('the abort to be taken', () =>
      installation.client('steerRollout', { params: { id, verb: 'abort' }, body: {} }),
    )
    .catch((error: Error) => journal.tell(`the abort was refused: ${error.message}`));
}
