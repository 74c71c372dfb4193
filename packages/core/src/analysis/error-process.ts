import type { Sample } from './analysis.ts';

/**
 * Does the candidate fail more often than stable? Intuition: if both are equally good, each failure
 * lands on the candidate with the chance that equals its share of the traffic in that very second.
 * A stream of failures that prefers the candidate is evidence; the product over intervals of
 * likelihood ratios at the interval's *counted* split is an e-process, valid at every look and
 * under load and error rates that rise and fall (Lindon & Malek, NeurIPS 2022). We average over
 * rate ratios > 1, so only "worse" counts.
 */
export const RATE_RATIOS = [1.25, 1.5, 2, 3, 5, 8, 13, 20, 40, 80] as const;

export function startLogRatios(): readonly number[] {
  return RATE_RATIOS.map(() => 0);
}

export function addInterval(logRatios: readonly number[], sample: Sample): readonly number[] {
  const { candidate, stable } = sample;
  const failures = candidate.failedUnits + stable.failedUnits;
  if (failures === 0 || candidate.units === 0 || stable.units === 0) return logRatios;
  const share = candidate.units / (candidate.units + stable.units);
  return logRatios.map((sum, index) => {
    const ratio = RATE_RATIOS[index] as number;
    const shifted = (ratio * share) / (ratio * share + 1 - share);
    return (
      sum +
      candidate.failedUnits * Math.log(shifted / share) +
      stable.failedUnits * Math.log((1 - shifted) / (1 - share))
    );
  });
}

/** ln of the e-value: the mean over the mixture. Reject at ln(1/α). */
export function logEvidence(logRatios: readonly number[]): number {
  const most = Math.max(...logRatios);
  const sum = logRatios.reduce((total, value) => total + Math.exp(value - most), 0);
  return most + Math.log(sum / logRatios.length);
}
