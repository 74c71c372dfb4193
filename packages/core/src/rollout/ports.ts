import type { SpecialFunctions } from '../analysis/ports.ts';

export interface RolloutWorld {
  /** Database clock, ms. */
  readonly now: number;
  readonly special: SpecialFunctions;
}
