import type { Strategy } from '../strategies.ts';
import type { Stage } from './stage.ts';

/** One row of the matrix. */
export interface Scenario {
  readonly name: string;
  /** The strategies that it cannot do without. */
  readonly needs: readonly Strategy[];
  /** Failures are what it is there to show. */
  readonly mustFail?: boolean;
  /** How often it is played in a usual run, and in a quick one. */
  readonly rounds: { readonly usual: number; readonly quick: number };
  /** Played once more for each further round of a long run. */
  readonly repeats: boolean;
  perform(stage: Stage, turn: number): Promise<Performance>;
}

export interface Performance {
  readonly cutOvers: number;
  readonly kills?: readonly Kill[];
}

/** Something that carries requests was killed: these were on it, and these of them came to nothing. */
export interface Kill {
  readonly what: string;
  readonly inFlight: number;
  readonly lost: readonly string[];
  /** From the kill to the end of the last one that was lost. */
  readonly slowestEndMs: number;
}
