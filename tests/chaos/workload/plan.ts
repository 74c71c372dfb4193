import type { Random } from '../random.ts';

/** What one run is asked to do: how long each of its ten steps takes. */
export interface Plan {
  /** Also what the run is known by in the ledger. */
  readonly trigger: string;
  readonly seconds: readonly number[];
}

export const STEPS = 10;
/** It changes the machine that it runs on, and is done again where its job is restored. */
export const MACHINE_STEP = 1;

export function makePlan(number: number, random: Random): Plan {
  const seconds = Array.from({ length: STEPS }, () => Math.round(random.between(0.2, 1.5) * 100) / 100);
  return { trigger: `t${number}`, seconds };
}

/** How many numbered lines a step prints; workload/step.sh says the same. */
export function linesOf(step: number): number {
  return 6 + step;
}
