import { callOff, release } from './cut-overs.ts';
import type { Scenario } from './scenario.ts';
import { follow } from './stage.ts';

/**
 * The proof that the suite can fail: the same load, the same faults, and nobody waits for requests.
 * A release keeps its forerunner running, so what is called off at half of the traffic shows it best.
 */
const ABORTS = 2;

export const NO_DRAIN: Scenario = {
  name: 'no-drain',
  needs: ['noDrain'],
  mustFail: true,
  rounds: { usual: 1, quick: 1, further: 0 },
  perform: async (stage) => {
    await release(stage, 'noDrain', 0);
    // Nobody is killed here: while a duty waits for its next holder, requests come to their end.
    for (let turn = 0; turn < ABORTS; turn += 1) {
      const id = await stage.shipping.release('noDrain');
      const entered = async (state: string) => {
        if (state === 'promoting') await callOff(stage, id);
      };
      await follow(stage, id, { turn, expect: 'aborted', strikes: false, entered });
    }
    return { cutOvers: 1 + ABORTS };
  },
};
