import type { Strategy } from '../strategies.ts';
import type { Stage } from './stage.ts';

/** One row of the matrix. */
export interface Scenario {
  readonly name: string;
  /** The strategies that it cannot do without. */
  readonly needs: readonly Strategy[];
  /** Failures are what it is there to show. */
  readonly mustFail?: boolean;
  /** How often it is played in a usual run, in a quick one, and in each further turn of a long one: 0 for never again. */
  readonly rounds: { readonly usual: number; readonly quick: number; readonly further: number };
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
