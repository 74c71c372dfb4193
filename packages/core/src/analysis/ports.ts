/** Special functions that the judge needs and does not write itself. */
export interface SpecialFunctions {
  /** ln Γ(x) for x > 0, relative error below 1e-10. */
  lnGamma(x: number): number;
}
